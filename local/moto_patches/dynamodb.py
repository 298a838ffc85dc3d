"""What is changed of moto's DynamoDB."""

from __future__ import annotations

from typing import Any

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb import responses
from moto.dynamodb.models.dynamo_type import DynamoType

from local.moto_patches.around import Around, Patches


class _Written(dict[str, Any]):
    """An attribute in the form in which it is answered."""


def write_attributes_as_they_are(_: Around) -> None:
    """moto looks for each of the ten members of every attribute under a dozen names: more than a
    third of all that the runtime's server did in the tests.
    """
    to_dict = responses.dynamo_to_dict
    write = BaseJSONSerializer._serialize_type_structure

    def dynamo_to_dict(found: Any) -> Any:
        if type(found) is dict:
            return {name: dynamo_to_dict(value) for name, value in found.items()}
        if type(found) is list:
            return [dynamo_to_dict(value) for value in found]
        if type(found) is DynamoType:
            return _written(found) or to_dict(found)
        if isinstance(found, dict):  # the attributes of an item
            return {name: dynamo_to_dict(value) for name, value in found.items()}
        return to_dict(found)

    def _serialize_type_structure(
        self: Any, serialized: Any, value: Any, shape: Any, key: str
    ) -> None:
        if type(value) is _Written:
            serialized[self.get_serialized_name(shape, key)] = value
        else:
            write(self, serialized, value, shape, key)

    responses.dynamo_to_dict = dynamo_to_dict
    BaseJSONSerializer._serialize_type_structure = _serialize_type_structure


def _written(attribute: Any) -> _Written | None:
    """A copy of an attribute as it is answered; None for what is, or holds, something binary."""
    if type(attribute) is not DynamoType:
        attribute = DynamoType(attribute)
    kind, value = attribute.type, attribute.value
    if kind in {"B", "BS"}:
        return None
    if kind == "L":
        entries = [_written(each) for each in value]
        return None if None in entries else _Written(L=entries)
    if kind == "M":
        members = {name: _written(each) for name, each in value.items()}
        return None if None in members.values() else _Written(M=members)
    return _Written({kind: list(value) if isinstance(value, list) else value})


PATCHES: Patches = (write_attributes_as_they_are,)
