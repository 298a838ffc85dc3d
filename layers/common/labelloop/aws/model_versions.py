"""What became of each version, from its manifests to its verdict, and what all of them are for."""

from labelloop.aws import model_versions_table as table
from labelloop.domain.annotations import ModelType
from labelloop.domain.model_versions import VersionRecord
from labelloop.errors import ChangedMeanwhileError


def known() -> list[VersionRecord]:
    """What is known of every version, the oldest first."""
    found = map(VersionRecord.from_json, table.every("version"))
    return sorted(found, key=lambda version: version.number)


def add(version: VersionRecord) -> None:
    """Note a new version; one that is noted already stays as it is."""
    try:
        table.put("version", version.name, version.as_json(), "attribute_not_exists(kind)")
    except ChangedMeanwhileError:
        return


def read(name: str) -> VersionRecord | None:
    """What is known of a version."""
    values = table.get("version", name)
    return None if values is None else VersionRecord.from_json({**values, "name": name})


def note(version: VersionRecord) -> None:
    """Add what this tells to what is known of the version; what it does not tell stays."""
    facts = version.as_json()
    name = facts.pop("name")
    table.add_facts("version", name, facts)


def forget(name: str) -> None:
    """Know nothing of a version any more."""
    table.delete("version", name)


def model_type() -> ModelType | None:
    """The type of the stack's versions; None where no deployment has noted it yet."""
    values = table.get("state", "model_type")
    return None if values is None else ModelType(values["model_type"])


def note_model_type(model_type: ModelType) -> None:
    """Remember the type from now on."""
    table.overwrite("model_type", {"model_type": model_type})
