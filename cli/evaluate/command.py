"""`labelloop evaluate`: versions on one's own labelled pictures, without a trace in the stack."""

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from labelloop.aws.rekognition import Version
from labelloop.domain import labels
from labelloop.domain.annotations import ModelType
from labelloop.domain.answers import Answer
from labelloop.domain.scoring import METRICS, Metric
from labelloop.domain.splits import Split
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import InconsistentError, NotFoundError
from labelloop.services import stored_evaluations, training_data

from .. import models, terminal
from ..failures import INTERRUPTED, REFUSED, CommandError
from ..hosting import confirm
from ..params import effective_value
from ..stack import Stack, model_type, on_stack, show
from . import as_page, as_text, borrowed_models, labelled_pictures
from .asking import Asked, Asking
from .kept_answers import Kept
from .labelled_pictures import Picture
from .trials import Evaluation, Pair, Trial

METRIC = "Evaluation-Metric"


@click.command()
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.argument("names", metavar="[VERSION]...", nargs=-1)
@click.option("--label", help="What all images in the folder show.")
@click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page with plots and pictures to this file, too.",
)
@click.option(
    "--with-trained",
    is_flag=True,
    help="Count the pictures, too, that trained one of the versions.",
)
@click.option("--yes", is_flag=True, help="Ask nothing before a version is started.")
@on_stack
def evaluate(
    stack: Stack,
    *,
    source: Path,
    names: tuple[str, ...],
    label: str | None,
    html_file: Path | None,
    with_trained: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Try versions on your own labelled pictures, one or several side by side.

    SOURCE is a folder with one folder for each label, or a manifest whose lines name files beside
    it, or objects in S3. Without VERSION the deployed one is tried; the others are compared with
    the first.

    Nothing goes into the inference log or to reviewers. A version that does not run is started,
    after you have agreed to what that costs, and stopped in the end. Answers are kept on this
    machine, so that the same command, run again, goes on where it was stopped. Ends with 1 unless
    every picture could be read and was answered.
    """
    kind = model_type(stack)
    if source.is_dir() and kind is ModelType.DETECTION:
        raise CommandError(
            f"The stack {stack.name} has detection models, which find boxes, and folders do not "
            "say where those are: name a manifest."
        )
    if label is not None and not source.is_dir():
        raise click.UsageError("--label is for a folder of images.")
    if html_file and not os.access(html_file if html_file.exists() else html_file.parent, os.W_OK):
        raise CommandError(f"{html_file} cannot be written: name another place.")
    request = _Request(stack, source, label, kind, names, with_trained=with_trained, yes=yes)
    try:
        evaluation = request.evaluation()
    except KeyboardInterrupt as error:
        terminal.say(
            "Stopped. What was answered is kept: to go on, run the same command again.", err=True
        )
        raise click.exceptions.Exit(INTERRUPTED) from error
    text = as_text.text(evaluation)
    if html_file:
        _write(html_file, as_page.html(stack, evaluation))
        text += f"\n\nThe page is in {html_file}"
    answer = {**_as_json(evaluation), "html": str(html_file) if html_file else None}
    show(as_json, answer, text)
    if evaluation.pictures.failed or any(trial.failed for trial in evaluation.trials):
        raise click.exceptions.Exit(1)


def _write(file: Path, page: str) -> None:
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}.") from error


# --- What is asked --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Request:
    """What is to be evaluated, and how."""

    stack: Stack
    source: Path
    label: str | None
    model_type: ModelType
    names: tuple[str, ...]
    with_trained: bool
    yes: bool

    def evaluation(self) -> Evaluation:
        """Read, ask and count. Raises CommandError."""
        serving = models.serving()
        if not self.names and serving is None:
            raise CommandError(
                "No model has been deployed yet: name a version. Those that there are: labelloop "
                "versions"
            )
        names = dict.fromkeys(self.names or (str(serving),))
        subjects = [_Subject.of(name, self.model_type) for name in names]
        pictures = labelled_pictures.read(self.stack, self.source, self.label, self.model_type)
        counted = pictures.found
        if not self.with_trained:
            trained = {content for subject in subjects for content in subject.trained}
            counted = [one for one in counted if one.content not in trained]
        if not counted:
            raise CommandError(
                f"All {len(pictures.found)} pictures trained {' or '.join(names)}: they say "
                "nothing of how it does with others. To count them all the same: --with-trained"
            )
        with contextlib.ExitStack() as locks:
            for subject in subjects:
                locks.enter_context(subject.kept.alone(subject.version.name))
            self._ask(subjects, counted)
        metric: Any = effective_value(METRIC)
        return Evaluation(
            str(self.source),
            self.model_type,
            metric,
            pictures,
            self.with_trained,
            tuple(subject.trial(counted, pictures.found, metric) for subject in subjects),
            serving,
        )

    def _ask(self, subjects: Sequence["_Subject"], counted: Sequence[Picture]) -> None:
        """Ask each version about what it has not answered, those that run first."""
        unanswered = {subject.version.name: subject.unanswered(counted) for subject in subjects}
        unfinished = [subject for subject in subjects if unanswered[subject.version.name]]
        down = [subject for subject in unfinished if not borrowed_models.is_up(subject.version)]
        told = [
            sentence
            for subject in down
            for sentence in borrowed_models.what_it_takes(
                self.stack, subject.version, len(unanswered[subject.version.name])
            )
        ]
        if told and not self.yes:
            confirm(told, f"Start {', '.join(subject.version.name for subject in down)}?")
        elif told:
            terminal.say("\n".join(told), err=True)
        for subject in sorted(unfinished, key=lambda subject: subject in down):
            # As it is by now: another one may have been asked for an hour.
            version = models.find(subject.version.name)
            with borrowed_models.running(self.stack, version, subject.kept) as borrowed:
                asking = Asking(
                    self.stack, version, subject.kept, borrowed, complete=subject.complete
                )
                asking.ask(unanswered[version.name], subject.asked)


@dataclass(frozen=True)
class _Subject:
    """A version that is tried."""

    version: Version
    model_type: ModelType
    kept: Kept
    thresholds: Mapping[str, float]
    trained: frozenset[str]
    """The contents that trained it, as far as that is known."""
    asked: Asked

    @classmethod
    def of(cls, name: str, model_type: ModelType) -> "_Subject":
        """The version of this name. Raises CommandError."""
        version = models.find(name)
        kept, thresholds = Kept(version.arn), _thresholds(version)
        subject = cls(version, model_type, kept, thresholds, _trained(name), Asked())
        subject.asked.answers.update(kept.answers(complete=subject.complete))
        return subject

    @property
    def complete(self) -> bool:
        """Whether it is asked for all that it thinks: who does that applies the thresholds."""
        return self.model_type is ModelType.CLASSIFICATION or bool(self.thresholds)

    def unanswered(self, counted: Iterable[Picture]) -> list[Picture]:
        """The pictures about which it has to be asked."""
        return [one for one in counted if one.content not in self.asked.answers]

    def trial(self, counted: Iterable[Picture], found: Iterable[Picture], metric: Metric) -> Trial:
        """What it said, its labels under the names that people and programs read."""
        asked = self.asked
        return Trial(
            self.version.name,
            self.model_type,
            metric,
            {labels.shown(label): value for label, value in self.thresholds.items()},
            {content: _shown(answer) for content, answer in asked.answers.items()},
            tuple(one for one in counted if one.content in asked.answers),
            tuple(one for one in found if one.content in self.trained),
            _with_reasons(counted, asked.refused),
            _with_reasons(counted, asked.failed),
        )


def _shown(answer: Answer) -> Answer:
    findings = (replace(one, label=labels.shown(one.label)) for one in answer.findings)
    return replace(answer, findings=tuple(findings))


def _with_reasons(
    pictures: Iterable[Picture], reasons: Mapping[str, str]
) -> tuple[tuple[Picture, str], ...]:
    return tuple((one, reasons[one.content]) for one in pictures if one.content in reasons)


def _thresholds(version: Version) -> Mapping[str, float]:
    """The version's assumed thresholds; none where its summary cannot be read."""
    try:
        return stored_evaluations.summary(version).thresholds
    except REFUSED:
        return {}


def _trained(name: str) -> frozenset[str]:
    """The contents that trained a version; none where nobody knows."""
    try:
        index = training_data.index(name)
        return frozenset(image.content for image in index if image.split is Split.TRAIN)
    except (NotFoundError, InconsistentError):
        key = VersionFiles(name).index
        terminal.say(f"Which images trained {name} is not known: {key} cannot be read.", err=True)
        return frozenset()


# --- For programs ---------------------------------------------------------------------------------


def _as_json(evaluation: Evaluation) -> dict[str, Any]:
    pictures = evaluation.pictures
    return {
        "source": evaluation.source,
        "model_type": evaluation.model_type,
        "metric": evaluation.metric,
        "with_trained": evaluation.with_trained,
        "left_out": pictures.left_out,
        "failed": pictures.failed,
        "copies": pictures.copies,
        "versions": [_version_as_json(trial, evaluation.serving) for trial in evaluation.trials],
        "comparisons": [_pair_as_json(pair) for pair in evaluation.pairs],
        "pictures": _pictures_as_json(evaluation.trials),
    }


def _version_as_json(trial: Trial, serving: str | None) -> dict[str, Any]:
    return {
        "version": trial.version,
        "serves": trial.version == serving,
        "pictures": len(trial.seen),
        "right": {"count": trial.right.part, **trial.right.as_json()},
        "score": trial.score.as_json(),
        **{metric: estimate.as_json() for metric, estimate in trial.in_all.items()},
        "labels": [
            {
                "label": one.label,
                "pictures": one.images,
                "there": one.counts.there,
                "found": one.counts.found,
                "right": one.counts.right,
                **{metric: one.figure(metric).as_json() for metric in METRICS},
            }
            for one in trial.labels
        ],
        "confusion": [
            {"truth": truth, "predicted": predicted, "pictures": count}
            for (truth, predicted), count in trial.confusion.items()
        ],
        "calibration": [
            {
                "from": one.low,
                "to": one.high,
                "confidence": round(one.confidence, 4),
                "count": one.right.whole,
                "right": one.right.as_json(),
            }
            for one in trial.calibration
        ],
        "unknown_labels": [
            {"label": label, "pictures": said.total(), "taken_for": dict(said)}
            for label, said in trial.unknown.items()
        ],
        "trained": [picture.name for picture in trial.trained],
        "refused": [{"file": one.name, "reason": why} for one, why in trial.refused],
        "failed": [{"file": one.name, "reason": why} for one, why in trial.failed],
    }


def _pair_as_json(pair: Pair) -> dict[str, Any]:
    return {
        "version": pair.other.version,
        "against": pair.first.version,
        "difference": pair.difference.as_json(),
        "p_value": pair.p_value,
        "labels": pair.compared.as_json()["labels"],
        "apart": [
            {"label": one.label, "known_to": one.known_to, "score": one.score.as_json()}
            for one in pair.apart
        ],
        "differ": [mine.picture.name for mine, _ in pair.differ],
    }


def _pictures_as_json(tried: Iterable[Trial]) -> list[dict[str, Any]]:
    told: dict[str, dict[str, Any]] = {}
    for trial in tried:
        for one in trial.seen:
            picture = one.picture
            entry = {"file": picture.name, **picture.truth.as_json(), "versions": {}}
            told.setdefault(picture.content, entry)["versions"][trial.version] = {
                "found": [
                    {"label": what.label, "confidence_pct": round(100 * what.confidence, 2)}
                    for what in one.found
                ],
                "score": round(one.score, 4),
            }
    return list(told.values())
