"""EvaluateModel: decide whether a trained version may replace the deployed one.

Invoked by  statemachine/model_training.asl.yaml, state ``EvaluateModel``
Raises      InconsistentError   caught: the results are missing or cannot be read
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; the report's key is the version's name
"""

from typing import Any

from labelloop import clock
from labelloop.aws import model_registry, objects, parameters, rekognition
from labelloop.domain import evaluation
from labelloop.domain.evaluation import Comparison, Summary, TestedImage, Verdict
from labelloop.domain.manifests import VersionFiles
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
    summary = _summary(candidate)
    champion = model_registry.deployed()
    comparison = _compare(candidate, champion)
    settings = parameters.settings()
    verdict = evaluation.judge(
        summary,
        comparison,
        settings.evaluation_metric,
        settings.minimum_metric,
        settings.minimum_improvement,
    )
    report = VersionFiles(request.version).report
    objects.write_json(report, _report(request.version, summary, verdict, champion))
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
            "promote": verdict.promote,
            "reasons": list(verdict.reasons),
        },
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


def _compare(
    candidate: rekognition.Version, champion: model_registry.Deployed | None
) -> Comparison | None:
    if champion is None or champion.version == candidate.name:
        return None
    try:
        before = _snapshot(rekognition.version(champion.version))
    except NotFoundError:
        before = {}
    return evaluation.compare(_snapshot(candidate), before)


def _snapshot(version: rekognition.Version) -> dict[str, TestedImage]:
    location = version.test_snapshot
    if location is None:
        return {}
    return evaluation.read_snapshot(objects.read_at(location.bucket, location.key))


def _report(
    version: str,
    summary: Summary,
    verdict: Verdict,
    champion: model_registry.Deployed | None,
) -> dict[str, Any]:
    comparison = verdict.comparison
    return {
        "version": version,
        "promote": verdict.promote,
        "reasons": list(verdict.reasons),
        "f1": summary.f1,
        "precision": summary.precision,
        "recall": summary.recall,
        "train_images": summary.train_images,
        "test_images": summary.test_images,
        "labels": [vars(label) for label in summary.labels],
        "champion": champion.version if champion else None,
        "comparison": {**vars(comparison), "p_worse": comparison.p_worse} if comparison else None,
    }
