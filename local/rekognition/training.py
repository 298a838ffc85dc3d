"""One training: reads the images, trains, tests, and leaves the files that Custom Labels leaves.

Called by ``versions`` in a background thread, once a project version. The use case is chosen from
the training dataset, and lines that are not for it are passed over. A training that cannot succeed
ends in an outcome without a model, and a message that says why; the manifest summary then lists the
reasons.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic

from labelvision import images
from labelvision.backbone import Backbone
from local.rekognition import summaries
from local.rekognition.annotations import LineProblem, with_problems
from local.rekognition.classification import ClassificationTrainer
from local.rekognition.localization import LocalizationTrainer
from local.rekognition.manifest import (
    MAXIMUM_INVALID_SHARE,
    MAXIMUM_LABELS,
    Entry,
    UseCase,
    choose_use_case,
    label_counts,
)
from local.rekognition.object_store import ObjectStore, parse_s3_uri
from local.rekognition.trainers import Prepared, Trained, TrainedModel, Trainer, Usable

MINIMUM_LABEL_OVERLAP = 0.5
READERS = max(1, min(4, os.cpu_count() or 1))

DIMENSION_PROBLEMS = {
    images.Problem.TOO_LARGE,
    images.Problem.TOO_SMALL,
    images.Problem.TOO_LONG,
}


@dataclass(frozen=True)
class ResultFiles:
    """Where a training's files go, named as Custom Labels names them."""

    bucket: str
    prefix: str
    project_name: str
    version_name: str

    def key(self, kind: str) -> str:
        name = f"{kind}-{self.project_name}-{self.version_name}.json"
        return f"{self.prefix.rstrip('/')}/{name}" if self.prefix else name

    @property
    def of_a_model(self) -> tuple[str, ...]:
        """All that a training which ended well leaves."""
        parts = ("Training", "Testing")
        return (
            self.evaluation_summary,
            self.manifest_summary,
            *map(self.snapshot, parts),
            *map(self.validation, parts),
        )

    @property
    def evaluation_summary(self) -> str:
        return self.key("EvaluationResultSummary")

    @property
    def manifest_summary(self) -> str:
        return self.key("ManifestSummary")

    def snapshot(self, dataset: str) -> str:
        """The images that were used, for ``Training`` or ``Testing``."""
        return self.key(f"{dataset}GroundTruth")

    def validation(self, dataset: str) -> str:
        """All lines, with what is wrong with them, for ``Training`` or ``Testing``."""
        return self.key(f"{dataset}ManifestWithValidation")


@dataclass(frozen=True)
class TrainingJob:
    """What to train on: the entries that the datasets held when the training was asked for."""

    project_version_arn: str
    files: ResultFiles
    training: Sequence[Entry]
    testing: Sequence[Entry]
    problems: Sequence[LineProblem] = ()
    """Why it cannot end well, as far as that is known before an image is read."""


@dataclass(frozen=True)
class TrainingOutcome:
    """How a training ended; ``model`` is None when it failed."""

    message: str
    model: TrainedModel | None = None
    has_validation_files: bool = False


class _AccessRefusedError(Exception):
    """The images may not be read."""


@dataclass(frozen=True)
class _Problems:
    """The terminal errors: of one dataset, or of both taken together."""

    training: list[LineProblem] = field(default_factory=list)
    testing: list[LineProblem] = field(default_factory=list)
    both: list[LineProblem] = field(default_factory=list)

    @property
    def all(self) -> list[LineProblem]:
        return [*self.training, *self.testing, *self.both]


@dataclass(frozen=True)
class _CheckedDataset(Generic[Prepared]):
    """A dataset's lines after their images were read."""

    entries: Sequence[Entry]
    errors: Sequence[tuple[LineProblem, ...]]
    usable: Sequence[Usable[Prepared]]

    @property
    def usable_labels(self) -> list[str]:
        return sorted({label for image in self.usable for label in image.labels})

    @property
    def invalid_indices(self) -> list[int]:
        return [index for index, errors in enumerate(self.errors) if errors]


def run(
    job: TrainingJob, objects: ObjectStore, backbone: Backbone, written_at: float
) -> TrainingOutcome:
    """Trains, and writes the result files. ``written_at`` is the time that the files bear."""
    if choose_use_case(job.training) is UseCase.OBJECT_LOCALIZATION:
        return _run(job, objects, LocalizationTrainer(backbone, READERS), written_at)
    several = any(len(entry.labels) > 1 for entry in (*job.training, *job.testing))
    trainer = ClassificationTrainer(backbone, several=several)
    return _run(job, objects, trainer, written_at)


def _run(
    job: TrainingJob, objects: ObjectStore, trainer: Trainer[Prepared], written_at: float
) -> TrainingOutcome:
    try:
        training = _check_images(job.training, objects, trainer)
        testing = _check_images(job.testing, objects, trainer)
        problems = _content_problems(training, testing, trainer)
        problems.training.extend(job.problems)
    except _AccessRefusedError as error:
        training = testing = _CheckedDataset((), (), ())
        refused = LineProblem("ERROR_INVALID_PERMISSIONS_IMAGES_S3_BUCKET", str(error))
        problems = _Problems(both=[refused])
    try:
        _write_validation(
            job.files,
            objects,
            trainer.use_case,
            training=training,
            testing=testing,
            problems=problems,
        )
    except (KeyError, PermissionError):
        return TrainingOutcome(f"Cannot write to the output bucket {job.files.bucket}.")
    if problems.all:
        reasons = "; ".join(f"{problem.code}: {problem.message}" for problem in problems.all)
        return TrainingOutcome(f"The manifest file has errors. {reasons}", None, True)
    trained = trainer.train(training.usable, testing.usable)
    _write_results(
        job,
        objects,
        trained,
        training_images=len(training.usable),
        testing_images=len(testing.usable),
        written_at=written_at,
    )
    return TrainingOutcome("The model is ready to run.", trained.model, True)


def _check_images(
    entries: Sequence[Entry], objects: ObjectStore, trainer: Trainer[Prepared]
) -> _CheckedDataset[Prepared]:
    def check(entry: Entry) -> tuple[Usable[Prepared] | None, tuple[LineProblem, ...]]:
        if not entry.labels_for(trainer.use_case):
            return None, entry.errors
        found = _read_image(entry, objects, trainer)
        if isinstance(found, LineProblem):
            return None, (*entry.errors, found)
        return found if found.labels else None, (*entry.errors, *found.problems)

    with ThreadPoolExecutor(READERS, thread_name_prefix="read-images") as pool:
        checked = list(pool.map(check, entries))
    return _CheckedDataset(
        entries,
        [errors for _, errors in checked],
        [found for found, _ in checked if found is not None],
    )


def _read_image(
    entry: Entry, objects: ObjectStore, trainer: Trainer[Prepared]
) -> Usable[Prepared] | LineProblem:
    location = parse_s3_uri(entry.source_ref)
    if location is None:
        message = f"{entry.source_ref} is not the address of an S3 object."
        return LineProblem("ERROR_INVALID_SOURCE_REF_FORMAT", message)
    try:
        return trainer.prepare(entry, objects.get(location.bucket, location.key, None))
    except KeyError:
        return LineProblem("ERROR_INVALID_IMAGE", f"{entry.source_ref} does not exist.")
    except PermissionError as error:
        raise _AccessRefusedError(f"{entry.source_ref} may not be read.") from error
    except images.UnusableImageError as error:
        is_dimension = error.problem in DIMENSION_PROBLEMS
        code = "ERROR_INVALID_IMAGE_DIMENSION" if is_dimension else "ERROR_INVALID_IMAGE"
        return LineProblem(code, str(error))


def _content_problems(
    training: _CheckedDataset[Prepared],
    testing: _CheckedDataset[Prepared],
    trainer: Trainer[Prepared],
) -> _Problems:
    """The terminal errors in Custom Labels' codes. Which of them are told of one dataset, and which
    of both, the guide shows for too many invalid rows and for labels that do not overlap alone.
    """
    problems = _Problems()
    for dataset, found in ((training, problems.training), (testing, problems.testing)):
        if len(dataset.invalid_indices) > MAXIMUM_INVALID_SHARE * len(dataset.entries):
            message = "The manifest file contains too many invalid rows."
            found.append(LineProblem("ERROR_TOO_MANY_INVALID_ROWS_IN_MANIFEST", message))
    if len(_buckets([*training.entries, *testing.entries])) > 1:
        message = "The manifest file contains images from multiple S3 buckets."
        problems.both.append(LineProblem("ERROR_IMAGES_IN_MULTIPLE_S3_BUCKETS", message))
    given = (
        list(label_counts(training.entries, trainer.use_case)),
        list(label_counts(testing.entries, trainer.use_case)),
    )
    problems.both.extend(
        _label_problems(
            *given,
            trainer.minimum_labels,
            "ERROR_MANIFEST_TOO_FEW_LABELS",
            "ERROR_INSUFFICIENT_LABEL_OVERLAP",
        )
    )
    if not problems.all:
        problems.both.extend(
            _label_problems(
                training.usable_labels,
                testing.usable_labels,
                trainer.minimum_labels,
                "ERROR_MANIFEST_TOO_FEW_USABLE_LABELS",
                "ERROR_INSUFFICIENT_USABLE_LABEL_OVERLAP",
            )
        )
    return problems


def _label_problems(
    training_labels: Sequence[str],
    testing_labels: Sequence[str],
    minimum: int,
    too_few: str,
    no_overlap: str,
) -> list[LineProblem]:
    if len(training_labels) < minimum:
        message = f"The training manifest has fewer than {minimum} labels."
        return [LineProblem(too_few, message)]
    if len(training_labels) > MAXIMUM_LABELS:
        message = f"The training manifest has more than {MAXIMUM_LABELS} labels."
        return [LineProblem("ERROR_MANIFEST_TOO_MANY_LABELS", message)]
    shared = set(training_labels) & set(testing_labels)
    if len(shared) < MINIMUM_LABEL_OVERLAP * len(training_labels):
        message = "Less than half of the training labels are in the testing manifest."
        return [LineProblem(no_overlap, message)]
    return []


def _buckets(entries: Iterable[Entry]) -> set[str]:
    locations = (parse_s3_uri(entry.source_ref) for entry in entries)
    return {location.bucket for location in locations if location is not None}


def _write_validation(
    files: ResultFiles,
    objects: ObjectStore,
    use_case: UseCase,
    *,
    training: _CheckedDataset[Prepared],
    testing: _CheckedDataset[Prepared],
    problems: _Problems,
) -> None:
    for name, dataset in (("Training", training), ("Testing", testing)):
        lines = (
            _validated_line(entry, errors)
            for entry, errors in zip(dataset.entries, dataset.errors, strict=True)
        )
        _put_lines(objects, files.bucket, files.validation(name), lines)
    manifest_summary = {
        "statistics": {
            "training": _statistics(training, use_case, problems, problems.training),
            "testing": _statistics(testing, use_case, problems, problems.testing),
        },
        "errors": [problem.as_json() for problem in problems.both],
    }
    objects.put(files.bucket, files.manifest_summary, json.dumps(manifest_summary).encode())


def _validated_line(entry: Entry, errors: Sequence[LineProblem]) -> dict[str, Any]:
    return with_problems(with_problems(entry.content, errors, "errors"), entry.warnings, "warnings")


def _statistics(
    dataset: _CheckedDataset[Prepared],
    use_case: UseCase,
    problems: _Problems,
    own: Sequence[LineProblem],
) -> dict[str, Any]:
    """A dataset's part of the manifest summary; the guide's example counts lines from 1."""
    invalid = dataset.invalid_indices
    ignored = sum(
        1 for entry in dataset.entries if not entry.labels_for(use_case) and not entry.errors
    )
    is_determined = dataset.usable and not problems.all
    return {
        "use_case": use_case.value if is_determined else "NOT_DETERMINED",
        "total_json_lines": len(dataset.entries),
        "valid_json_lines": len(dataset.entries) - len(invalid) - ignored,
        "invalid_json_lines": len(invalid),
        "ignored_json_lines": ignored,
        "error_json_line_indices": [index + 1 for index in invalid],
        "errors": [problem.as_json() for problem in own],
    }


def _write_results(
    job: TrainingJob,
    objects: ObjectStore,
    trained: Trained,
    *,
    training_images: int,
    testing_images: int,
    written_at: float,
) -> None:
    files = job.files
    trained_on, tested_on = trained.training_lines(written_at), trained.testing_lines(written_at)
    _put_lines(objects, files.bucket, files.snapshot("Training"), trained_on)
    _put_lines(objects, files.bucket, files.snapshot("Testing"), tested_on)
    results = summaries.summary(
        trained.model.evaluation,
        job.project_version_arn,
        written_at,
        training_images=training_images,
        testing_images=testing_images,
    )
    objects.put(files.bucket, files.evaluation_summary, json.dumps(results).encode())


def _put_lines(
    objects: ObjectStore, bucket: str, key: str, lines: Iterable[Mapping[str, Any]]
) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    objects.put(bucket, key, text.encode())
