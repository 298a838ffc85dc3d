"""What is changed of moto's Parameter Store."""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.ssm.models import SimpleSystemManagerBackend

from local.constants import ACCOUNT_ID, REGION
from local.moto_patches.around import Around, Patches


def enforce_allowed_patterns(_: Around) -> None:
    """moto stores a parameter's AllowedPattern and never looks at it again.

    Code, words, and that the whole value must match: the Systems Manager User Guide, "Create a
    Systems Manager parameter (AWS CLI)", where ``\\d{1,4}`` refuses a value of five digits.
    """
    put = SimpleSystemManagerBackend.put_parameter
    signature = inspect.signature(put)

    def put_parameter(self: Any, *args: Any, **kwargs: Any) -> Any:
        asked = signature.bind(self, *args, **kwargs).arguments
        pattern, value = asked["allowed_pattern"], asked["value"]
        versions = self._parameters.get(asked["name"])
        if pattern is None and versions:
            pattern = versions[-1].allowed_pattern
        if pattern and value and re.fullmatch(pattern, value) is None:
            raise JsonRESTError(
                "ParameterPatternMismatchException",
                f"Parameter value, cannot be validated against allowedPattern: {pattern}",
            )
        return put(self, *args, **kwargs)

    SimpleSystemManagerBackend.put_parameter = put_parameter


def emit_parameter_events(around: Around) -> None:
    """moto tells nobody that a parameter has changed."""

    def emit(name: str, operation: str, kind: str, description: str | None) -> None:
        detail = {"operation": operation, "name": name, "type": kind}
        if description:
            detail["description"] = description
        arn = f"arn:aws:ssm:{REGION}:{ACCOUNT_ID}:parameter/{name.lstrip('/')}"
        around.bus.emit(around.bus.event("aws.ssm", "Parameter Store Change", detail, [arn]))

    put = SimpleSystemManagerBackend.put_parameter
    delete = SimpleSystemManagerBackend.delete_parameter
    delete_many = SimpleSystemManagerBackend.delete_parameters

    @functools.wraps(put)
    def put_parameter(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        parameter = put(self, name, *args, **kwargs)
        operation = "Create" if parameter.version == 1 else "Update"
        emit(name, operation, parameter.parameter_type, parameter.description)
        return parameter

    def delete_parameter(self: Any, name: str) -> Any:
        before = self.get_parameter(name)
        result = delete(self, name)
        if before is not None:
            emit(name, "Delete", before.parameter_type, before.description)
        return result

    def delete_parameters(self: Any, names: list[str]) -> Any:
        before = {name: self.get_parameter(name) for name in names}
        deleted = delete_many(self, names)
        for name in deleted:
            emit(name, "Delete", before[name].parameter_type, before[name].description)
        return deleted

    SimpleSystemManagerBackend.put_parameter = put_parameter
    SimpleSystemManagerBackend.delete_parameter = delete_parameter
    SimpleSystemManagerBackend.delete_parameters = delete_parameters


PATCHES: Patches = (
    enforce_allowed_patterns,  # before the events: a refused value changes nothing
    emit_parameter_events,
)
