"""EvaluateModel: decide whether a trained version may replace the deployed one.

Invoked by  statemachine/model_training.asl.yaml, state ``EvaluateModel``; and once more after the
            version that serves was asked, where answers of it were missing
Raises      InconsistentError   caught: the results are missing or cannot be read
            NotFoundError       caught: somebody deleted the version
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; the report's key is the version's name, and what is to be asked is decided once
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from labelloop import clock
from labelloop.aws import (
    deployed_version,
    hosting_state,
    metrics,
    model_versions,
    objects,
    parameters,
    rekognition,
    sampling_position,
)
from labelloop.aws.line_files import write_lines
from labelloop.aws.rekognition import VersionStatus
from labelloop.aws.wiring import wiring
from labelloop.domain import (
    calibration,
    evaluation_report,
    evaluation_snapshot,
    evaluation_summary,
    examination,
    hosting,
    manifests,
    version_figures,
    wording,
)
from labelloop.domain import comparison as comparisons
from labelloop.domain import verdict as verdicts
from labelloop.domain.annotations import ModelType
from labelloop.domain.answers import Answer
from labelloop.domain.calibration import Assessment
from labelloop.domain.comparison import Comparison, Party
from labelloop.domain.evaluation_snapshot import TestedImage
from labelloop.domain.evaluation_summary import Summary
from labelloop.domain.examination import Examined, TestImages
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.manifests import SplitImage, VersionFiles
from labelloop.domain.metrics import F1
from labelloop.domain.origins import LogShares
from labelloop.domain.parameters import OperatorSettings
from labelloop.domain.scoring import Metric
from labelloop.domain.verdict import Rules, Verdict
from labelloop.domain.version_figures import Figures
from labelloop.entrypoint import Strict, task
from labelloop.errors import InconsistentError, NotFoundError, RetryableError
from labelloop.services import training_data, version_answers
from labelloop.settings import Variable

MOST_FAILURES = 3
"""So often is an evaluation tried that fails for another reason than the hour."""


class Input(Strict):
    """The version that was trained, and what came of asking the one that serves."""

    version: str
    final: bool
    """Whether it is judged whatever is missing."""
    started: str | None
    """Since when the version that serves was started to be asked; None where it was not."""
    problem: str | None
    """Why it could not be asked, or not about all: the cause as a state machine has it."""


class Ask(Strict):
    """The version that is to be asked before the candidate can be judged."""

    version: str
    version_arn: str
    runs: bool
    """Whether it runs anyway; else it has to be started."""
    give_up_after: str


class Output(Strict):
    """Whom to ask first; or, where nobody, the verdict and where its report is."""

    ask: Ask | None
    promote: bool
    reasons: list[str]
    report: str
    f1: float
    uncompared: str | None
    """Why it could not be compared, where that kept it from being promoted."""
    asked: dict[str, Any] | None
    """About what the version that serves was asked, and what that has cost."""


@dataclass(frozen=True)
class _Candidate:
    """The version that is judged."""

    name: str
    record: Mapping[str, Any]
    summary: Summary
    index: TestImages
    examined: Examined
    doubt: Assessment


@dataclass(frozen=True)
class _Champion:
    """The version that serves, and what it said of the candidate's test images."""

    version: rekognition.Version
    said: Party
    tested: Collection[str]
    """The contents that tested it when it was trained."""


@dataclass(frozen=True)
class _Against:
    """What comparing the candidate with the version that serves came to."""

    champion: str
    comparison: Comparison | None = None
    uncompared: str | None = None
    asked: dict[str, Any] | None = None


@task
def lambda_handler(request: Input) -> Output:
    """Judge by the figures and against the champion, and write the report."""
    try:
        return _judged(request)
    except RetryableError:
        raise
    except Exception as error:
        if _fails_for_good(request.version, error):
            raise InconsistentError(
                f"{error or repr(error)} It was tried {MOST_FAILURES} times, and is not tried "
                "again by itself. When that is mended: labelloop train --force"
            ) from error
        raise


def _fails_for_good(name: str, error: Exception) -> bool:
    """Count that its evaluation failed; whether that is to be the end of it, at least for polls.

    Each look would fail the same, and be told.
    """
    record = model_versions.read(name)
    if record is None:
        return False
    failures = int(record.get("evaluation_failures", 0)) + 1
    facts: dict[str, Any] = {"evaluation_failures": failures}
    if failures >= MOST_FAILURES:
        why = f"Its evaluation failed: {error or repr(error)}"
        facts |= {"ended": clock.iso(clock.now()), "uncompared": why}
    model_versions.note(name, facts)
    return failures >= MOST_FAILURES


def _judged(request: Input) -> Output:
    candidate, rules = _candidate(request.version), _rules(parameters.settings())
    shares = sampling_position.log_shares()
    own = _figures(candidate, rules.metric, shares)
    model_type = candidate.examined.model_type
    deployed = deployed_version.now()
    other = deployed.version if deployed and deployed.version != candidate.name else ""
    champion = _champion(candidate, other) if other else None
    figure, note = _figure(candidate, champion, rules.metric)
    if champion is None:
        verdict = verdicts.first(figure, own.test_set, rules, model_type, gone=other)
        against = _Against(deployed.version) if deployed else None
        return _told(candidate, rules, own, _noted(verdict, note), against)
    comparison = comparisons.compare(
        candidate.examined.cases,
        Party(candidate.examined.answers, candidate.summary.thresholds),
        champion.said,
        model_type=model_type,
        metric=rules.metric,
        shares=shares,
        champion_version=champion.version.name,
        known_before=champion.tested,
    )
    attempt = int(candidate.record.get("attempt", 1))
    is_open = verdicts.is_open(figure, comparison, rules, attempt)
    problem = wording.cause_in_words({"cause": request.problem}) if request.problem else None
    if not request.final:
        ask, problem = _whom_to_ask(candidate, champion, is_open)
        if ask:
            return _ask_first(ask, candidate)
    if not comparison.decides.images:
        problem = problem or "It has answered about none of the test images."
    uncompared = problem if is_open else None
    verdict = verdicts.against_champion(
        figure,
        comparison,
        rules,
        model_type,
        own=own.in_all[rules.metric],
        attempt=attempt,
        is_complete=uncompared is None,
    )
    asked = _asked(candidate, champion.version, request.started)
    against = _Against(champion.version.name, comparison, uncompared, asked)
    return _told(candidate, rules, own, _noted(verdict, note), against)


def _ask_first(ask: Ask, candidate: _Candidate) -> Output:
    """No verdict yet."""
    return Output(
        ask=ask,
        promote=False,
        reasons=[],
        report="",
        f1=candidate.summary.f1,
        uncompared=None,
        asked=None,
    )


def _told(
    candidate: _Candidate, rules: Rules, own: Figures, verdict: Verdict, against: _Against | None
) -> Output:
    """The verdict, once it is in the report, in the version's record and measured."""
    summary, now = candidate.summary, clock.iso(clock.now())
    uncompared, asked = (against.uncompared, against.asked) if against else (None, None)
    report = VersionFiles(candidate.name).report
    content = evaluation_report.report(
        candidate.name,
        summary,
        rules,
        verdict,
        examined=candidate.examined,
        own=own,
        champion=against.champion if against else None,
        comparison=against.comparison if against else None,
        data=_data(candidate.name),
        # What the service stored of each manifest.
        entries={split: candidate.record.get(f"entries_{split}") for split in ("train", "test")},
    )
    objects.write_json(report, {**content, "uncompared": uncompared, "asked": asked})
    model_versions.note(
        candidate.name,
        {
            "trained": now,
            "ended": now,
            "f1": summary.f1,
            "precision": summary.precision,
            "recall": summary.recall,
            "train_images": summary.train_images,
            "test_images": summary.test_images,
            "figures": own.in_short(),
            "promote": verdict.promote,
            "reasons": list(verdict.reasons),
            "uncompared": uncompared,
        },
    )
    metrics.publish(
        {F1: summary.f1},
        Version=candidate.name,
        Verdict="promoted" if verdict.promote else "rejected",
        TestImages=str(summary.test_images),
    )
    return Output(
        ask=None,
        promote=verdict.promote,
        reasons=list(verdict.reasons),
        report=report,
        f1=summary.f1,
        uncompared=uncompared,
        asked=asked,
    )


def _rules(settings: OperatorSettings) -> Rules:
    return Rules(
        settings.evaluation_metric,
        settings.minimum_metric,
        settings.minimum_improvement,
        settings.minimum_decides,
    )


# --- The candidate --------------------------------------------------------------------------------


def _candidate(name: str) -> _Candidate:
    version, model_type = rekognition.version(name), training_data.model_type()
    summary, index = _summary(version), _test_images(name)
    examined = examination.examine(
        _tested(version, summary.thresholds, model_type), model_type, index
    )
    doubt = _assessed(name, examined, summary.thresholds)
    return _Candidate(name, model_versions.read(name) or {}, summary, index, examined, doubt)


def _assessed(name: str, examined: Examined, thresholds: Mapping[str, float]) -> Assessment:
    """How sure a version is of its decisions: kept for when it serves."""
    doubt = calibration.assess(examined.cases, examined.answers, thresholds, examined.model_type)
    objects.write_json(VersionFiles(name).doubt, doubt.as_json())
    return doubt


def _test_images(version: str) -> TestImages:
    """The version's test images as its index has them; none where the index is gone."""
    try:
        return examination.test_images(training_data.index(version))
    except NotFoundError:
        return TestImages()


def _figures(candidate: _Candidate, metric: Metric, shares: LogShares) -> Figures:
    settings = parameters.settings()
    return version_figures.figures(
        candidate.examined.cases,
        candidate.examined.answers,
        candidate.summary.thresholds,
        model_type=candidate.examined.model_type,
        metric=metric,
        shares=shares,
        is_accepted=lambda answer: candidate.doubt.accepts(answer, settings.minimum_confidence_pct),
    )


def _figure(candidate: _Candidate, champion: _Champion | None, metric: Metric) -> tuple[float, str]:
    """What the minimum is held against, and what is to be said about it.

    The first version that knows what is none of the labels is not held to that.
    """
    known = candidate.summary.thresholds
    serving = champion.said.thresholds if champion else {}
    if NONE_OF_THEM not in known or (champion and not serving) or NONE_OF_THEM in serving:
        return candidate.summary.metric(metric), ""
    examined = candidate.examined
    return (
        version_figures.figure_without_none(examined.cases, examined.answers, known, metric),
        f"The minimum is held against its {verdicts.METRICS[metric]} without the images that are "
        "none of the labels: no version before it knows those.",
    )


def _noted(verdict: Verdict, note: str) -> Verdict:
    return replace(verdict, reasons=(*verdict.reasons, note)) if note else verdict


def _data(version: str) -> dict[str, Any] | None:
    """What PrepareTraining found; None for a version that was made by hand."""
    try:
        content: dict[str, Any] = json.loads(objects.read(VersionFiles(version).data_report))
    except NotFoundError:
        return None
    return content


# --- The champion ---------------------------------------------------------------------------------


def _champion(candidate: _Candidate, name: str) -> _Champion | None:
    """The version that serves; None where somebody deleted it."""
    try:
        version = rekognition.version(name)
    except NotFoundError:
        return None
    contents = _contents(name)
    thresholds, said = _evaluation(candidate, version, contents)
    said = version_answers.remembered(name) | said
    examined = candidate.examined
    unknown = [case for case in examined.cases if case.content not in said]
    etags = _etags(candidate.name) if examined.model_type is ModelType.DETECTION else {}
    logged = version_answers.logged(name, unknown, examined.model_type, etags)
    said |= {answer.content: answer for answer in logged}
    return _Champion(version, Party(said, thresholds), set(contents.values()))


def _etags(version: str) -> dict[str, str]:
    """The ETag of the object with each content that a model has detected."""
    try:
        index = training_data.index(version)
        return {image.content: image.etag for image in index if image.provenance.detection_id}
    except NotFoundError:
        return {}


def _contents(version: str) -> dict[str, str]:
    """The contents of the version's test images; none where the index is gone."""
    try:
        return examination.test_contents(training_data.index(version))
    except NotFoundError:
        return {}


def _evaluation(
    candidate: _Candidate, champion: rekognition.Version, contents: Mapping[str, str]
) -> tuple[Mapping[str, float], dict[str, Answer]]:
    """The champion's thresholds, and its answers when it was tested; none where they are gone."""
    examined, known = candidate.examined, candidate.index.contents
    # Where one of the indexes is missing, the same key stands for the same image.
    by_key = contents if contents and known else known
    thresholds: Mapping[str, float] = {}
    try:
        thresholds = _summary(champion).thresholds if champion.summary else {}
        tested = _tested(champion, thresholds, examined.model_type)
        _assess_unless_done(champion, thresholds, examined.model_type)
        return thresholds, examination.answers(tested, by_key, examined.answers)
    except NotFoundError:
        return thresholds, {}


def _assess_unless_done(
    champion: rekognition.Version, thresholds: Mapping[str, float], model_type: ModelType
) -> None:
    """Say how sure a version is that was evaluated when that was not said yet."""
    if not objects.is_there(VersionFiles(champion.name).doubt):
        tested = _tested(champion, thresholds, model_type)
        examined = examination.examine(tested, model_type, _test_images(champion.name))
        _assessed(champion.name, examined, thresholds)


def _whom_to_ask(
    candidate: _Candidate, champion: _Champion, is_open: bool
) -> tuple[Ask | None, str | None]:
    """The champion, where it has answers that are missing: while it runs, or if it has to be.

    And why it cannot be asked, where that is known before.
    """
    name, runs = champion.version.name, champion.version.status is VersionStatus.RUNNING
    if not (runs or is_open):
        return None, None
    try:
        if not _is_wanted(candidate, champion):
            return None, None
    except NotFoundError:
        return None, f"The index of {candidate.name} was deleted, so its images cannot be found."
    if not runs and hosting_state.is_paused():
        return None, f"{name} was stopped by hand. To let it run again: labelloop start"
    give_up_after = clock.iso(clock.now() + hosting.ASKING_TAKES)
    ask = Ask(
        version=name, version_arn=champion.version.arn, runs=runs, give_up_after=give_up_after
    )
    return ask, None


def _is_wanted(candidate: _Candidate, champion: _Champion) -> bool:
    """Whether the champion is to be asked about images, by a list that is made once.

    Raises NotFoundError without the candidate's index, which has where the images are.
    """
    said, name = champion.said.answers, champion.version.name
    try:
        listed = [image.content for image in _listed(candidate, name)]
    except NotFoundError:
        listed = comparisons.to_ask(candidate.examined.cases, champion.said, name)
        wanted = set(listed)
        images = {
            image.content: image
            for image in training_data.index(candidate.name)
            if image.content in wanted
        }
        write_lines(
            VersionFiles(candidate.name).to_ask(name),
            manifests.index_lines(images[content] for content in listed),
        )
    return any(content not in said for content in listed)


def _listed(candidate: _Candidate, champion: str) -> Iterator[SplitImage]:
    return manifests.read_index(objects.lines(VersionFiles(candidate.name).to_ask(champion)))


def _asked(
    candidate: _Candidate, champion: rekognition.Version, started: str | None
) -> dict[str, Any] | None:
    """About how many images the champion was to be asked and was, and what it cost to start it."""
    try:
        listed = {image.content for image in _listed(candidate, champion.name)}
    except NotFoundError:
        return None
    answered = len(listed & version_answers.remembered(champion.name).keys())
    run = None
    if started:
        run = hosting.run_in_figures(
            clock.now() - clock.from_iso(started),
            champion.inference_units,
            float(wiring[Variable.USD_PER_INFERENCE_UNIT_HOUR]),
        )
    return {"version": champion.name, "images": len(listed), "answered": answered, "run": run}


# --- What the service wrote -----------------------------------------------------------------------


def _summary(version: rekognition.Version) -> Summary:
    if version.summary is None:
        raise InconsistentError(f"Version {version.name} was trained, but has no evaluation.")
    return evaluation_summary.read_summary(
        objects.read_at(version.summary.bucket, version.summary.key)
    )


def _tested(
    version: rekognition.Version, thresholds: Mapping[str, float], model_type: ModelType
) -> Iterator[TestedImage]:
    """What the version found in its test images, read while it is used."""
    location = version.test_snapshot
    if location is None:
        return iter(())
    lines = objects.lines_at(location.bucket, location.key)
    return evaluation_snapshot.read_snapshot(lines, model_type, thresholds)
