"""What became of each version, from its manifests to its verdict, and what all of them are for."""

from collections.abc import Mapping, Sequence
from typing import Any

from labelloop.aws import model_versions_table as table
from labelloop.aws.items import to_value
from labelloop.domain.annotations import ModelType
from labelloop.errors import ChangedMeanwhileError


def known() -> list[dict[str, Any]]:
    """What is known of every version, the oldest first."""
    return sorted(table.every("version"), key=lambda version: int(version["number"]))


def add(name: str, values: Mapping[str, Any]) -> None:
    """Note a new version; one that is noted already stays as it is."""
    try:
        table.put("version", name, values, "attribute_not_exists(kind)")
    except ChangedMeanwhileError:
        return


def read(name: str) -> dict[str, Any] | None:
    """What is known of a version."""
    return table.get("version", name)


def note(name: str, facts: Mapping[str, Any]) -> None:
    """Add facts to what is known of a version."""
    table.update(
        "version",
        name,
        UpdateExpression="SET " + ", ".join(f"#{i} = :{i}" for i in range(len(facts))),
        ExpressionAttributeNames={f"#{i}": name for i, name in enumerate(facts)},
        ExpressionAttributeValues={f":{i}": to_value(v) for i, v in enumerate(facts.values())},
    )


def forget(name: str) -> None:
    """Know nothing of a version any more."""
    table.delete("version", name)


def last_trained(known: Sequence[Mapping[str, Any]]) -> str | None:
    """The newest of the versions whose training succeeded."""
    trained = [version["name"] for version in known if version.get("trained")]
    return trained[-1] if trained else None


def model_type() -> ModelType | None:
    """The type of the stack's versions; None where no deployment has noted it yet."""
    values = table.get("state", "model_type")
    return None if values is None else ModelType(values["model_type"])


def note_model_type(model_type: ModelType) -> None:
    """Remember the type from now on."""
    table.overwrite("model_type", {"model_type": model_type})
