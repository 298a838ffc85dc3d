"""A version's evaluation as it is stored: what the service wrote of it, and what we keep beside."""

from collections.abc import Iterator, Mapping

from labelloop.aws import objects, rekognition
from labelloop.domain import calibration, evaluation_snapshot, evaluation_summary, examination
from labelloop.domain.annotations import ModelType
from labelloop.domain.calibration import Assessment
from labelloop.domain.evaluation_snapshot import TestedImage
from labelloop.domain.evaluation_summary import Summary
from labelloop.domain.examination import Examined, TestImages
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import InconsistentError, NotFoundError
from labelloop.services import training_data


def summary(version: rekognition.Version) -> Summary:
    """The version's figures. Raises InconsistentError where the service has written none."""
    if version.summary is None:
        raise InconsistentError(f"Version {version.name} was trained, but has no evaluation.")
    return evaluation_summary.read_summary(
        objects.read_at(version.summary.bucket, version.summary.key)
    )


def tested(
    version: rekognition.Version, thresholds: Mapping[str, float], model_type: ModelType
) -> Iterator[TestedImage]:
    """What the version found in its test images, read while it is used."""
    location = version.test_snapshot
    if location is None:
        return iter(())
    lines = objects.lines_at(location.bucket, location.key)
    return evaluation_snapshot.read_snapshot(lines, model_type, thresholds)


def test_images(version: str) -> TestImages:
    """The version's test images as its index has them; none where the index is gone."""
    try:
        return examination.test_images(training_data.index(version))
    except NotFoundError:
        return TestImages()


def contents(version: str) -> dict[str, str]:
    """The contents of the version's test images; none where the index is gone."""
    try:
        return examination.test_contents(training_data.index(version))
    except NotFoundError:
        return {}


def assessed(name: str, examined: Examined, thresholds: Mapping[str, float]) -> Assessment:
    """How sure a version is of its decisions: kept for when it serves."""
    doubt = calibration.assess(examined.cases, examined.answers, thresholds, examined.model_type)
    objects.write_json(VersionFiles(name).doubt, doubt.as_json())
    return doubt
