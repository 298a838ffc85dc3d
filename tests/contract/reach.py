"""What a function's code can read and raise: its names followed through the modules.

A name in a function's module, or in what it uses of our own modules, leads to its definition; what
that uses leads on. The members of ``Variable`` that are met are the variables it may read, and the
errors of ours that are raised by name are those that may come out of it, if nothing catches them.
"""

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from labelloop import errors
from labelloop.settings import Variable
from tests.contract.files import LAYER, ROOT

ERRORS = {
    name: error
    for name, error in vars(errors).items()
    if isinstance(error, type) and issubclass(error, errors.LabelLoopError)
}
"""The error tree by its names."""


@dataclass
class _Module:
    """What a module imports of ours, and what it defines."""

    body: list[ast.stmt]
    imported: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Local name to (module, name in it); None where the name is the module."""
    defined: dict[str, ast.stmt] = field(default_factory=dict)


def declared() -> set[str]:
    """Every variable that the layer knows."""
    return {variable.value for variable in Variable}


@cache
def read_by(stem: str) -> frozenset[str]:
    """The variables that the function of this folder can read."""
    return frozenset(_walked(stem).found)


@cache
def raised_by(stem: str) -> frozenset[str]:
    """The errors that the function of this folder, or what it uses, raises by name."""
    return frozenset(_walked(stem).raised)


@cache
def _walked(stem: str) -> "_Walk":
    walk = _Walk()
    walk.module(f"functions.{stem}.app")
    return walk


class _Walk:
    def __init__(self) -> None:
        self.found: set[str] = set()
        self.raised: set[str] = set()
        self._seen: set[tuple[str, str]] = set()

    def module(self, name: str) -> None:
        for statement in _module(name).body:
            self._use(name, statement)

    def _definition(self, module: str, name: str) -> None:
        if (module, name) in self._seen:
            return
        self._seen.add((module, name))
        known = _module(module)
        if name in known.defined:
            self._use(module, known.defined[name])
        elif name in known.imported:
            self._imported(known.imported[name], None)

    def _imported(self, target: tuple[str, str | None], attribute: str | None) -> None:
        module, name = target
        if (module, name) == ("labelloop.settings", "Variable"):
            if attribute:
                self.found.add(Variable[attribute].value)
        elif name:
            self._definition(module, name)
        elif attribute:
            self._definition(module, attribute)

    def _raise(self, node: ast.Raise) -> None:
        error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        name = getattr(error, "id", getattr(error, "attr", ""))
        if name in ERRORS:
            self.raised.add(name)

    def _use(self, module: str, node: ast.AST) -> None:
        known = _module(module)
        if isinstance(node, ast.Raise):
            self._raise(node)
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in known.imported
        ):
            self._imported(known.imported[node.value.id], node.attr)
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            self._definition(module, node.id)
        for child in ast.iter_child_nodes(node):
            self._use(module, child)


@cache
def _module(name: str) -> _Module:
    body = ast.parse(_path(name).read_text(encoding="utf-8")).body
    module = _Module(body)
    for statement in body:
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("labell"):
            source = statement.module or ""
            for alias in statement.names:
                inner = f"{source}.{alias.name}"
                target = (inner, None) if _path(inner).exists() else (source, alias.name)
                module.imported[alias.asname or alias.name] = target
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
            module.defined[statement.name] = statement
        elif isinstance(statement, ast.Assign):
            for part in statement.targets:
                if isinstance(part, ast.Name):
                    module.defined[part.id] = statement
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            module.defined[statement.target.id] = statement
    return module


def _path(name: str) -> Path:
    root = ROOT if name.startswith("functions.") else LAYER
    return root / (name.replace(".", "/") + ".py")
