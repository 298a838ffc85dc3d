"""What versions were trained on: their indexes and the ledger of splits, in the bucket."""

from labelloop.aws import model_registry, objects
from labelloop.aws.wiring import wiring
from labelloop.domain import manifests, splits
from labelloop.domain.manifests import SplitImage, VersionFiles
from labelloop.domain.splits import Split
from labelloop.errors import NotFoundError
from labelloop.settings import Variable


def last_trained() -> list[SplitImage]:
    """The images of the last version whose training succeeded; none before the first."""
    trained = [version for version in model_registry.versions() if version.get("trained")]
    if not trained:
        return []
    return manifests.read_index(objects.read(VersionFiles(trained[-1]["name"]).index))


def test_percentage() -> int:
    """How much of each label's images tests, in percent."""
    return wiring.whole_number(Variable.TEST_SET_PERCENTAGE)


def ledger() -> dict[str, Split]:
    """Which content trains and which tests; empty before the first training."""
    try:
        return splits.read_ledger(objects.read(splits.LEDGER_KEY))
    except NotFoundError:
        return {}


def extend_ledger(decided: dict[str, Split]) -> None:
    """Write the ledger anew. Only the holder of the training lock does so."""
    objects.write(splits.LEDGER_KEY, splits.write_ledger(decided), "application/jsonl")


def write_version(images: list[SplitImage], version: str, created: str) -> None:
    """Put a version's index and manifests into the bucket."""
    files = VersionFiles(version)
    bucket = objects.bucket()
    objects.write(files.index, manifests.index(images), "application/jsonl")
    for key, split in ((files.train_manifest, Split.TRAIN), (files.test_manifest, Split.TEST)):
        manifest = manifests.manifest(bucket, images, split, created)
        objects.write(key, manifest, "application/jsonl")
