"""PrepareTraining: write the manifests of the next version.

Invoked by  statemachine/model_training.asl.yaml, state ``PrepareTraining``, under the training lock
Raises      UntrainableError          caught: the operator is told what is missing
            TrainingInProgressError   caught: another version trains, begun by hand perhaps
            ThrottledError, ServiceFailedError   retried by the state machine
            InconsistentError         caught: the ledger cannot be read, the operator is told
Idempotent  yes; the version's name comes from its images, and its files are written anew
"""

from collections.abc import Mapping, Sequence

from labelloop import clock
from labelloop.aws import last_look, model_versions, objects, rekognition
from labelloop.aws.rekognition import VersionStatus
from labelloop.domain import data_reports, inventory, manifests, trainable
from labelloop.domain.imported_lines import ImportedLine
from labelloop.domain.imports import Collection
from labelloop.domain.inventory import Examined, LeftOut
from labelloop.domain.model_versions import VersionRecord, last_trained
from labelloop.domain.splits import Split
from labelloop.domain.trainable import Selection
from labelloop.domain.version_files import VersionFiles
from labelloop.entrypoint import Strict, task
from labelloop.errors import TrainingInProgressError, UntrainableError
from labelloop.services import training_choice, training_data


class Input(Strict):
    """Whether to train again on images that were trained on before, and what was looked at."""

    force: bool
    digest: str


class Output(Strict):
    """The next version, or the one that was made of the same images before."""

    proceed: bool
    """Whether it is to be trained."""
    begun: bool
    """Whether its training was begun before, by a run that did not live to its end."""
    version: str
    train_manifest: str
    test_manifest: str
    evaluation_folder: str
    train_images: int
    test_images: int
    left_out: list[str]
    """What was left out and why: a few sentences."""


@task
def lambda_handler(request: Input) -> Output:
    """Decide each image's split, name the version by its data, write its files."""
    lines, collection = training_data.imported_lines(training_data.imported_manifests())
    examined = _examine(lines)
    known = model_versions.known()
    selection = _select(examined, collection, request.digest, [one.name for one in known])
    left_out = examined.left_out + selection.left_out
    data = manifests.data_hash(selection.images)
    before = [version for version in known if version.data == data]
    last = before[-1] if before else None
    # One that could not be compared needs no other in its place: its evaluation goes on.
    if last is not None and not (request.force and last.is_over):
        name, number = last.name, last.number
        proceed = request.force or last.ended is None
        # Somebody may have deleted them since.
        has_files = not proceed or training_data.has_files(name)
    else:
        number = max((version.number for version in known), default=0) + 1
        name, proceed = manifests.version_name(number, data, len(before) + 1), True
        has_files = False
    if not has_files:
        since = last_trained([one for one in known if one.name != name])
        beside = examined.passed_over
        _write(name, since, selection, left_out, passed_over=beside, collection=collection)
        # Noted last: a version that the registry knows has had all its files.
        model_versions.add(
            VersionRecord(
                name=name,
                number=number,
                data=data,
                attempt=1 + sum(version.is_judged for version in before),
                created=clock.iso(clock.now()),
            )
        )
    if not proceed:
        _settle(examined, request.digest)
    files = VersionFiles(name)
    tests = sum(image.split is Split.TEST for image in selection.images)
    return Output(
        proceed=proceed,
        begun=proceed and _has_begun(name),
        version=name,
        train_manifest=files.train_manifest,
        test_manifest=files.test_manifest,
        evaluation_folder=files.evaluation_folder,
        train_images=len(selection.images) - tests,
        test_images=tests,
        left_out=[
            *data_reports.in_words(
                left_out, examined.passed_over, selection.labels_left_out, collection
            ),
            *data_reports.contradictions_in_words(selection),
        ],
    )


def _examine(lines: Mapping[str, ImportedLine]) -> Examined:
    """The images that can be used; what is remembered of those that are gone is forgotten."""
    files = training_data.files()
    listed = [file for file in files if inventory.is_image_object(file.key)]
    inspected = training_data.inspected(listed)
    came = training_choice.origins(inspected.values())
    training_data.compact_inspected((inspected | came).values(), learnt=bool(came))
    return training_choice.examine(files, lines, inspected | came)


def _select(
    examined: Examined, collection: Collection, digest: str, versions: Sequence[str]
) -> Selection:
    """The images that train and test; what is decided about them is in the ledger before."""
    before = training_data.ledger(versions)
    ledger = training_choice.decide(examined, before)
    if ledger is not before:
        training_data.write_ledger(ledger)
    try:
        return trainable.select(examined.candidates, ledger, training_data.model_type())
    except UntrainableError as error:
        _settle(examined, digest)
        why = data_reports.in_words(examined.left_out, examined.passed_over, (), collection)
        raise UntrainableError("\n- ".join([str(error), *why])) from error


def _settle(examined: Examined, digest: str) -> None:
    """Let polls pass these images by until something changes, unless copies are still to come."""
    if not examined.missing:
        last_look.settle(digest)


def _write(
    name: str,
    since: str | None,
    selection: Selection,
    left_out: Sequence[LeftOut],
    *,
    passed_over: Sequence[LeftOut],
    collection: Collection,
) -> None:
    """Write the files of a new version; ``since`` is the version that came before."""
    created = f"{clock.now():%Y-%m-%dT%H:%M:%S}"
    training_data.write_version(name, selection.images, left_out, created)
    seen = inventory.seen_in(selection.images, left_out)
    changes = manifests.changes(seen, training_data.seen_by(since))
    report = data_reports.report(selection, left_out, passed_over, collection, changes)
    objects.write_json(VersionFiles(name).data_report, report)


def _has_begun(name: str) -> bool:
    """Whether the version is in the service already.

    Raises TrainingInProgressError while another one trains: its datasets must stay as they are.
    """
    versions = rekognition.versions()
    for version in versions:
        if version.status is VersionStatus.TRAINING_IN_PROGRESS and version.name != name:
            raise TrainingInProgressError(f"Version {version.name} is being trained.")
    return any(version.name == name for version in versions)
