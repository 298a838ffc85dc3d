"""What is changed of moto's DynamoDB."""

from __future__ import annotations

from typing import Any

from moto.core.serialize import BaseJSONSerializer

from local.moto_patches.around import Around, Patches


class _OtherFormError(Exception):
    """The value is none that is written as it is."""


def write_attributes_as_they_are(_: Around) -> None:
    """moto looks for each of the ten members of every attribute under a dozen names: more than a
    third of all that the runtime's server did in the tests.
    """
    write = BaseJSONSerializer._serialize_type_structure

    def _serialize_type_structure(
        self: Any, serialized: Any, value: Any, shape: Any, key: str
    ) -> None:
        if shape.name == "AttributeValue":
            try:
                serialized[self.get_serialized_name(shape, key)] = _as_it_is(value)
                return
            except _OtherFormError:
                pass
        write(self, serialized, value, shape, key)

    BaseJSONSerializer._serialize_type_structure = _serialize_type_structure


def _as_it_is(value: Any) -> dict[str, Any]:
    """A copy of an attribute, if it is one by its form and holds nothing binary."""
    if not isinstance(value, dict) or len(value) != 1:
        raise _OtherFormError
    ((kind, held),) = value.items()
    if kind in {"S", "N"} and isinstance(held, str):
        return {kind: held}
    if kind in {"BOOL", "NULL"}:
        return {kind: held}
    if kind in {"SS", "NS"}:
        return {kind: [str(each) for each in held]}
    if kind == "L":
        return {kind: [_as_it_is(each) for each in held]}
    if kind == "M":
        return {kind: {name: _as_it_is(each) for name, each in held.items()}}
    raise _OtherFormError


PATCHES: Patches = (write_attributes_as_they_are,)
