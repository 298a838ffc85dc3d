"""Every call that the gateways make of AWS, read from their source."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from botocore import xform_name
from botocore.model import OperationModel, ServiceModel
from botocore.session import Session

from tests.contract.files import LAYER

_CLIENTS = {"client", "client_without_retries", "patient_client"}
_NO_OPERATIONS = {"generate_presigned_url"}


@dataclass(frozen=True)
class Call:
    """One call in a gateway."""

    module: str
    service: str
    method: str
    """As boto3 spells it."""
    given: frozenset[str]
    """The parameters that are named where it is called."""
    complete: bool
    """Whether these are all: no ``**`` adds others."""

    @property
    def operation(self) -> OperationModel:
        """What botocore knows of it. Raises KeyError where it knows no such operation."""
        model = _model(self.service)
        by_method = {xform_name(name): name for name in model.operation_names}
        return model.operation_model(by_method[self.method])

    def __str__(self) -> str:
        return f"{self.module}:{self.service}.{self.method}"


@cache
def _model(service: str) -> ServiceModel:
    return Session().get_service_model(service)


def all_calls() -> list[Call]:
    """The calls in every gateway."""
    return [
        call for path in sorted((LAYER / "labelloop/aws").glob("*.py")) for call in _calls_in(path)
    ]


def _calls_in(path: Path) -> list[Call]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {
        target.id: service
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and (service := _service(node.value, {}))
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    calls = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        service, method = _service(node.func.value, named), node.func.attr
        if node.func.attr == "paginate":
            service, method = _paginated(node.func.value, named)
        if service and method not in _NO_OPERATIONS | {"get_paginator"}:
            given = frozenset(
                word.arg for word in node.keywords if word.arg and word.arg != "PaginationConfig"
            )
            complete = all(word.arg for word in node.keywords)
            calls.append(Call(path.stem, service, method, given, complete))
    return calls


def _service(node: ast.expr, named: dict[str, str]) -> str | None:
    """The service whose client an expression is."""
    if isinstance(node, ast.Name):
        return named.get(node.id)
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _CLIENTS
        and isinstance(node.args[0], ast.Constant)
    ):
        return str(node.args[0].value)
    return None


def _paginated(node: ast.expr, named: dict[str, str]) -> tuple[str | None, str]:
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    assert node.func.attr == "get_paginator" and isinstance(node.args[0], ast.Constant)
    return _service(node.func.value, named), str(node.args[0].value)
