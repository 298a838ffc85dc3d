"""PrepareTraining: write the manifests of the next version.

Invoked by  statemachine/model_training.asl.yaml, state ``PrepareTraining``, under the training lock
Raises      UntrainableError          caught: the operator is told what is missing
            ThrottledError, ServiceFailedError   retried by the state machine
            InconsistentError         caught: the ledger cannot be read, the operator is told
Idempotent  yes; the version's name comes from its images, and its files are written anew
"""

from collections import Counter
from collections.abc import Iterable

from labelloop import clock
from labelloop.aws import model_registry, objects, training_data
from labelloop.domain import manifests, splits
from labelloop.domain.images import has_image_signature
from labelloop.domain.manifests import LabelledImage, SplitImage, VersionFiles
from labelloop.domain.splits import Split
from labelloop.entrypoint import Strict, task
from labelloop.errors import UntrainableError


class Input(Strict):
    """Whether to train again on images that were trained on before."""

    force: bool


class Output(Strict):
    """The next version, or the one that was made of the same images before."""

    proceed: bool
    version: str
    train_manifest: str
    test_manifest: str
    evaluation_folder: str
    train_images: int
    test_images: int


@task
def lambda_handler(request: Input) -> Output:
    """Decide each image's split, name the version by its data, write its files."""
    listed = manifests.labelled_images(objects.listing(manifests.LABELLED_FOLDER))
    contents = _contents(listed)
    decided = training_data.ledger()
    fresh = splits.assign(
        ((image.label, contents[image.key]) for image in listed if image.key in contents),
        decided,
        training_data.test_percentage(),
    )
    if fresh:
        training_data.extend_ledger({**decided, **fresh})
    images = _trainable(
        SplitImage(image.key, image.etag, image.label, content, {**decided, **fresh}[content])
        for image in listed
        if (content := contents.get(image.key))
    )
    data = manifests.data_hash(images)
    known = model_registry.versions()
    before = [version for version in known if version["data"] == data]
    number = max((int(version["number"]) for version in known), default=0) + 1
    if before and not (request.force and before[-1].get("ended")):
        name, proceed = before[-1]["name"], not before[-1].get("ended")
    else:
        name, proceed = manifests.version_name(number, data), True
        training_data.write_version(images, name, f"{clock.now():%Y-%m-%dT%H:%M:%S}")
        # Noted last: a version that the registry knows has all its files.
        model_registry.add_version(
            name, {"number": number, "data": data, "created": clock.iso(clock.now())}
        )
    files = VersionFiles(name)
    counts = Counter(image.split for image in images)
    return Output(
        proceed=proceed,
        version=name,
        train_manifest=files.train_manifest,
        test_manifest=files.test_manifest,
        evaluation_folder=files.evaluation_folder,
        train_images=counts[Split.TRAIN],
        test_images=counts[Split.TEST],
    )


def _contents(images: list[LabelledImage]) -> dict[str, str]:
    """The content of each image by its key; what was seen before is not read again."""
    seen = {(image.key, image.etag): image.content for image in training_data.last_trained()}
    contents = {
        image.key: seen[image.key, image.etag]
        for image in images
        if (image.key, image.etag) in seen
    }
    unseen = {image.key: image for image in images if image.key not in contents}
    beginnings = objects.read_beginnings(list(unseen), splits.CONTENT_BYTES)
    for key, beginning in beginnings.items():
        if has_image_signature(beginning):
            contents[key] = splits.content_id(beginning, unseen[key].size_bytes)
    return contents


def _trainable(images: Iterable[SplitImage]) -> list[SplitImage]:
    """The images whose labels can be trained and tested.

    Raises UntrainableError when fewer than two labels can.
    """
    everything = list(images)
    splits_by_label: dict[str, set[Split]] = {}
    for image in everything:
        splits_by_label.setdefault(image.label, set()).add(image.split)
    usable = {
        label for label, found in splits_by_label.items() if found == {Split.TRAIN, Split.TEST}
    }
    if len(usable) < manifests.MINIMUM_LABELS:
        counts = Counter(image.label for image in everything)
        have = ", ".join(f"{label}: {count}" for label, count in sorted(counts.items())) or "none"
        raise UntrainableError(
            "A model needs at least two labels with three different images each, in folders "
            f"{manifests.LABELLED_FOLDER}<label>/. Images by label now: {have}."
        )
    return [image for image in everything if image.label in usable]
