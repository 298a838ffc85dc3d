"""The version that is judged: its figures, what it said of its test images, and how sure it is."""

from dataclasses import dataclass

from labelloop.aws import model_versions, parameters, rekognition
from labelloop.domain import examination, version_figures
from labelloop.domain.calibration import Assessment
from labelloop.domain.evaluation_summary import Summary
from labelloop.domain.examination import Examined, TestImages
from labelloop.domain.model_versions import VersionRecord
from labelloop.domain.origins import LogShares
from labelloop.domain.scoring import Metric
from labelloop.domain.version_figures import Figures
from labelloop.services import stored_evaluations, training_data


@dataclass(frozen=True)
class Candidate:
    """The version that is judged."""

    name: str
    record: VersionRecord
    summary: Summary
    index: TestImages
    examined: Examined
    doubt: Assessment


def read(name: str) -> Candidate:
    """The version of this name. Raises NotFoundError where somebody deleted it."""
    version, model_type = rekognition.version(name), training_data.model_type()
    summary, index = stored_evaluations.summary(version), stored_evaluations.test_images(name)
    examined = examination.examine(
        stored_evaluations.tested(version, summary.thresholds, model_type), model_type, index
    )
    doubt = stored_evaluations.assessed(name, examined, summary.thresholds)
    record = model_versions.read(name) or VersionRecord(name=name)
    return Candidate(name, record, summary, index, examined, doubt)


def figures(candidate: Candidate, metric: Metric, shares: LogShares) -> Figures:
    """How good it is, on the test images of today."""
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
