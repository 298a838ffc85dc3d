"""The records of versions as tests write them and look at them: by their facts."""

from collections.abc import Mapping
from typing import Any

from labelloop.aws import model_versions
from labelloop.aws import model_versions_table as table
from labelloop.aws.items import to_value
from labelloop.domain.model_versions import VersionRecord


def add(name: str, facts: Mapping[str, Any]) -> None:
    """Note a new version with these facts."""
    model_versions.add(VersionRecord.from_json({**facts, "name": name}))


def note(name: str, facts: Mapping[str, Any]) -> None:
    """Write facts over those of a version, as any release may have done."""
    table.update(
        "version",
        name,
        UpdateExpression="SET " + ", ".join(f"#{i} = :{i}" for i in range(len(facts))),
        ExpressionAttributeNames={f"#{i}": fact for i, fact in enumerate(facts)},
        ExpressionAttributeValues={f":{i}": to_value(v) for i, v in enumerate(facts.values())},
    )


def read(name: str) -> dict[str, Any] | None:
    """The facts of a version."""
    return table.get("version", name)


def known() -> list[dict[str, Any]]:
    """The facts of every version, the oldest first."""
    return [version.as_json() for version in model_versions.known()]
