"""EvaluateModel: decide whether a trained version may replace the deployed one.

Invoked by  statemachine/model_training.asl.yaml, state ``EvaluateModel``; and once more after the
            version that serves was asked, where answers of it were missing
Raises      InconsistentError   caught: the results are missing or cannot be read
            NotFoundError       caught: somebody deleted the version
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; the report's key is the version's name, and what is to be asked is decided once
"""

import json
from dataclasses import dataclass, replace
from typing import Any

from labelloop import clock
from labelloop.aws import (
    deployed_version,
    evaluation_reports,
    metrics,
    model_versions,
    objects,
    parameters,
    sampling_position,
)
from labelloop.domain import comparing, evaluation_report, hosting, version_figures, wording
from labelloop.domain import verdict as verdicts
from labelloop.domain.comparison import Comparison, Party
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.domain.metrics import F1
from labelloop.domain.model_versions import VersionRecord
from labelloop.domain.parameters import OperatorSettings
from labelloop.domain.scoring import Metric
from labelloop.domain.verdict import Rules, Verdict
from labelloop.domain.version_figures import Figures
from labelloop.domain.version_files import VersionFiles
from labelloop.entrypoint import Strict, task
from labelloop.errors import InconsistentError, NotFoundError, RetryableError
from labelloop.services import candidate as candidates
from labelloop.services import champion as champions
from labelloop.services.candidate import Candidate
from labelloop.services.champion import Champion

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
    failures = record.evaluation_failures + 1
    facts = VersionRecord(name=name, evaluation_failures=failures)
    if failures >= MOST_FAILURES:
        why = f"Its evaluation failed: {error or repr(error)}"
        facts = replace(facts, ended=clock.iso(clock.now()), uncompared=why)
    model_versions.note(facts)
    return failures >= MOST_FAILURES


def _judged(request: Input) -> Output:
    candidate, rules = candidates.read(request.version), _rules(parameters.settings())
    shares = sampling_position.log_shares()
    own = candidates.figures(candidate, rules.metric, shares)
    model_type = candidate.examined.model_type
    deployed = deployed_version.now()
    other = deployed.version if deployed and deployed.version != candidate.name else ""
    champion = champions.read(candidate, other) if other else None
    figure, note = _figure(candidate, champion, rules.metric)
    if champion is None:
        why = f"The deployed model {other} does not exist any more" if other else ""
        verdict = verdicts.first(figure, own.test_set, rules, model_type, why)
        against = _Against(deployed.version) if deployed else None
        return _told(candidate, rules, own, _noted(verdict, note), against)
    comparison = comparing.compare(
        candidate.examined.cases,
        Party(candidate.examined.answers, candidate.summary.thresholds),
        champion.said,
        model_type=model_type,
        metric=rules.metric,
        shares=shares,
        champion_version=champion.version.name,
        known_before=champion.tested,
    )
    attempt = candidate.record.attempt or 1
    is_open = verdicts.is_open(figure, comparison, rules, attempt)
    if is_open and champions.runs_never_again(champion, request.started):
        why = f"The deployed model {other} cannot be started any more"
        verdict = verdicts.first(figure, own.test_set, rules, model_type, why)
        asked = champions.asked(candidate, champion.version, request.started)
        against = _Against(other, comparison, None, asked)
        return _told(candidate, rules, own, _noted(verdict, note), against)
    problem = wording.cause_in_words({"cause": request.problem}) if request.problem else None
    if not request.final:
        wanted, problem = champions.is_to_be_asked(candidate, champion, is_open)
        if wanted:
            return _ask_first(champion, candidate)
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
    asked = champions.asked(candidate, champion.version, request.started)
    against = _Against(champion.version.name, comparison, uncompared, asked)
    return _told(candidate, rules, own, _noted(verdict, note), against)


def _ask_first(champion: Champion, candidate: Candidate) -> Output:
    """No verdict yet."""
    return Output(
        ask=Ask(
            version=champion.version.name,
            version_arn=champion.version.arn,
            runs=champion.runs,
            give_up_after=clock.iso(clock.now() + hosting.ASKING_TAKES),
        ),
        promote=False,
        reasons=[],
        report="",
        f1=candidate.summary.f1,
        uncompared=None,
        asked=None,
    )


def _told(
    candidate: Candidate, rules: Rules, own: Figures, verdict: Verdict, against: _Against | None
) -> Output:
    """The verdict, once it is in the report, in the version's record and measured."""
    summary, record, now = candidate.summary, candidate.record, clock.iso(clock.now())
    uncompared, asked = (against.uncompared, against.asked) if against else (None, None)
    told = evaluation_report.report(
        candidate.name,
        summary,
        rules,
        verdict,
        examined=candidate.examined,
        own=own,
        champion=against.champion if against else None,
        compared=against.comparison if against else None,
        data=_data(candidate.name),
        # What the service stored of each manifest.
        entries={"train": record.entries_train, "test": record.entries_test},
    )
    report = evaluation_reports.write({**told, "uncompared": uncompared, "asked": asked})
    model_versions.note(
        VersionRecord(
            name=candidate.name,
            trained=now,
            ended=now,
            f1=summary.f1,
            precision=summary.precision,
            recall=summary.recall,
            train_images=summary.train_images,
            test_images=summary.test_images,
            figures=own.in_short(),
            promote=verdict.promote,
            reasons=verdict.reasons,
            uncompared=uncompared,
        )
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


def _figure(candidate: Candidate, champion: Champion | None, metric: Metric) -> tuple[float, str]:
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
