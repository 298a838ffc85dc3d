"""EvaluateModel: decide whether a trained version may replace the deployed one.

Invoked by  statemachine/model_training.asl.yaml, state ``EvaluateModel``
Raises      InconsistentError   caught: the results are missing or cannot be read
            NotFoundError       caught: somebody deleted the version
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; the report's key is the version's name
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from labelloop import clock
from labelloop.aws import metrics, model_registry, objects, parameters, rekognition, training_data
from labelloop.domain import comparison as comparisons
from labelloop.domain import evaluation, scoring
from labelloop.domain import verdict as verdicts
from labelloop.domain.annotations import ModelType
from labelloop.domain.answers import Answer
from labelloop.domain.comparison import Comparison, Party
from labelloop.domain.detections import Label, Outcome, decide
from labelloop.domain.evaluation import Examined, Summary, TestedImage, TestImages
from labelloop.domain.manifests import VersionFiles
from labelloop.domain.metrics import F1
from labelloop.domain.parameters import OperatorSettings
from labelloop.domain.verdict import Rules
from labelloop.entrypoint import Strict, task
from labelloop.errors import InconsistentError, NotFoundError


class Input(Strict):
    """The version that was trained."""

    version: str


class Output(Strict):
    """The verdict, and where its report is."""

    promote: bool
    reasons: list[str]
    report: str
    f1: float


@task
def lambda_handler(request: Input) -> Output:
    """Judge by the figures and against the champion, and write the report."""
    candidate = rekognition.version(request.version)
    model_type = training_data.model_type()
    summary = _summary(candidate)
    tested = _tested(candidate, summary.thresholds, model_type)
    index = _test_images(candidate.name)
    examined = evaluation.examine(tested, model_type, index)
    settings = parameters.settings()
    rules = Rules(
        settings.evaluation_metric,
        settings.minimum_metric,
        settings.minimum_improvement,
        settings.minimum_decides,
    )
    own = evaluation.figures(
        examined.cases,
        examined.answers,
        summary.thresholds,
        model_type=model_type,
        metric=rules.metric,
        shares={},
        is_accepted=lambda answer: _is_accepted(answer, summary, model_type, settings),
    )
    champion = model_registry.deployed()
    other = champion.version if champion and champion.version != candidate.name else ""
    serving = _described(other) if other else None
    figure = summary.metric(rules.metric)
    comparison = None
    if serving is None:
        verdict = verdicts.first(figure, own.test_set, rules, model_type, gone=other)
    else:
        comparison = _compare(examined, index, summary, serving, rules)
        verdict = verdicts.against_champion(figure, comparison, rules, model_type)
    report = VersionFiles(request.version).report
    objects.write_json(
        report,
        evaluation.report(
            request.version,
            summary,
            rules,
            verdict,
            examined=examined,
            own=own,
            champion=champion.version if champion else None,
            comparison=comparison,
            data=_data(request.version),
            entries=_entries(request.version),
        ),
    )
    model_registry.note_version(
        request.version,
        {
            "trained": clock.iso(clock.now()),
            "ended": clock.iso(clock.now()),
            "f1": summary.f1,
            "precision": summary.precision,
            "recall": summary.recall,
            "train_images": summary.train_images,
            "test_images": summary.test_images,
            "figures": own.in_short(),
            "promote": verdict.promote,
            "reasons": list(verdict.reasons),
        },
    )
    metrics.publish(
        {F1: summary.f1},
        Version=request.version,
        Verdict="promoted" if verdict.promote else "rejected",
    )
    return Output(
        promote=verdict.promote,
        reasons=list(verdict.reasons),
        report=report,
        f1=summary.f1,
    )


def _summary(version: rekognition.Version) -> Summary:
    if version.summary is None:
        raise InconsistentError(f"Version {version.name} was trained, but has no evaluation.")
    return evaluation.read_summary(objects.read_at(version.summary.bucket, version.summary.key))


def _described(version: str) -> rekognition.Version | None:
    """The version that serves, as the service has it; None where somebody deleted it."""
    try:
        return rekognition.version(version)
    except NotFoundError:
        return None


def _compare(
    examined: Examined,
    index: TestImages,
    summary: Summary,
    champion: rekognition.Version,
    rules: Rules,
) -> Comparison:
    """Candidate and champion on the test images that the champion was tested with, too."""
    contents: Mapping[str, str] = {}
    answers: Mapping[str, Answer] = {}
    thresholds: Mapping[str, float] = {}
    try:
        thresholds = _summary(champion).thresholds if champion.summary else {}
        contents = _contents(champion.name)
        # Where one of the indexes is missing, the same key stands for the same image.
        by_key = contents if contents and index.contents else index.contents
        tested = _tested(champion, thresholds, examined.model_type)
        answers = evaluation.answers(tested, by_key, examined.answers)
    except NotFoundError:
        pass  # Somebody deleted what the service wrote about it.
    return comparisons.compare(
        examined.cases,
        Party(examined.answers, summary.thresholds),
        Party(answers, thresholds),
        model_type=examined.model_type,
        metric=rules.metric,
        champion_version=champion.name,
        known_before=set(contents.values()),
    )


def _is_accepted(
    answer: Answer, summary: Summary, model_type: ModelType, settings: OperatorSettings
) -> bool:
    """Whether nobody would be asked about a detection with this answer."""
    found = scoring.found(answer.findings, model_type, summary.thresholds)
    labels = [Label(finding.label, 100 * finding.confidence) for finding in found]
    decision = decide(labels, model_type, settings.minimum_confidence_pct, asked_at_once=True)
    return decision.outcome is Outcome.CONFIDENT


def _tested(
    version: rekognition.Version, thresholds: Mapping[str, float], model_type: ModelType
) -> Iterator[TestedImage]:
    """What the version found in its test images, read while it is used."""
    location = version.test_snapshot
    if location is None:
        return iter(())
    lines = objects.lines_at(location.bucket, location.key)
    return evaluation.read_snapshot(lines, model_type, thresholds)


def _test_images(version: str) -> TestImages:
    """The version's test images as its index has them; none where the index is gone."""
    try:
        return evaluation.test_images(training_data.index(version))
    except NotFoundError:
        return TestImages()


def _contents(version: str) -> dict[str, str]:
    """The contents of the version's test images; none where the index is gone."""
    try:
        return evaluation.test_contents(training_data.index(version))
    except NotFoundError:
        return {}


def _data(version: str) -> dict[str, Any] | None:
    """What PrepareTraining found; None for a version that was made by hand."""
    try:
        content: dict[str, Any] = json.loads(objects.read(VersionFiles(version).data_report))
    except NotFoundError:
        return None
    return content


def _entries(version: str) -> dict[str, Any]:
    """What the service stored of each manifest."""
    record = model_registry.version(version) or {}
    return {"train": record.get("entries_train"), "test": record.get("entries_test")}
