"""Which facts functions give with the news that they tell, as their code says it.

What is told is a dictionary of constant names, made where it is told, in a variable, by a function,
or by who calls; nothing else can be followed, and fails.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from labelloop.domain.mails.to_operator import MAILS
from tests.contract import files

FACTS = "facts"
Facts = frozenset[str]
Function = ast.FunctionDef


@dataclass(frozen=True)
class Told:
    """News of a kind, and one of the sets of facts that may come with it."""

    place: str
    kind: str
    facts: Facts

    def __str__(self) -> str:
        return f"{self.place} {self.kind}"


def told() -> Iterator[Told]:
    """All news that functions and services tell themselves."""
    for path in _tellers():
        code = _Code.of(path)
        for function, call in code.calls():
            match call.args:
                case [ast.Constant(value=str(kind)), *_] if kind in MAILS:
                    given = code.given(call, FACTS)
                    place = f"{path.relative_to(files.ROOT)}:{call.lineno}"
                    for facts in code.followed(given, function) if given else []:
                        yield Told(place, kind, facts)


def _tellers() -> list[Path]:
    apps = sorted((files.ROOT / "functions").glob("*/app.py"))
    return [*apps, *sorted((files.LAYER / "labelloop/services").glob("*.py"))]


@dataclass(frozen=True)
class _Code:
    path: Path
    functions: dict[str, Function]
    imported: dict[str, str]
    """Modules by the names that they have here."""

    @staticmethod
    @cache
    def of(path: Path) -> "_Code":
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}
        imported = {
            name.asname or name.name: f"{node.module}.{name.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for name in node.names
        }
        return _Code(path, functions, imported)

    def calls(self) -> Iterator[tuple[Function, ast.Call]]:
        for function in self.functions.values():
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    yield function, node

    def given(self, call: ast.Call, parameter: str) -> ast.expr | None:
        """What a call gives for a parameter."""
        for keyword in call.keywords:
            if keyword.arg == parameter:
                return keyword.value
        _, known = self._called(call)
        names = [one.arg for one in known.args.args] if known else []
        at = names.index(parameter) if parameter in names else len(call.args)
        return call.args[at] if at < len(call.args) else None

    def _called(self, call: ast.Call) -> tuple[Path, Function | None]:
        """The function that is called, here or in a module of the layer, and where it is."""
        match call.func:
            case ast.Name(id=name):
                return self.path, self.functions.get(name)
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in self.imported:
                path = files.LAYER / f"{self.imported[module].replace('.', '/')}.py"
                if path.exists():
                    return path, _Code.of(path).functions.get(name)
        return self.path, None

    def followed(self, given: ast.expr, function: Function) -> list[Facts]:
        """The names that a dictionary may have, one set for each way to make it."""
        match given:
            case ast.Dict():
                parts = [
                    [frozenset({ast.literal_eval(key)})] if key else self.followed(value, function)
                    for key, value in zip(given.keys, given.values, strict=True)
                ]
                return [frozenset().union(*ways) for ways in product(*parts)]
            case ast.IfExp():
                return [
                    *self.followed(given.body, function),
                    *self.followed(given.orelse, function),
                ]
            case ast.Constant(value=None) | ast.Attribute():
                return []  # Nothing is told, or what was noted when it should have been told.
            case ast.Name():
                return self._of_name(given, function)
            case ast.Call(func=ast.Name(id=name)) if name in self.functions:
                return self._returned(name)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)):
                path = files.LAYER / f"{self.imported[module].replace('.', '/')}.py"
                return _Code.of(path)._returned(name)
        raise AssertionError(f"{self.path}:{given.lineno}: {ast.unparse(given)} cannot be followed")

    def _of_name(self, given: ast.Name, function: Function) -> list[Facts]:
        made = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and node.lineno <= given.lineno
            for target in node.targets
            if isinstance(target, ast.Name) and target.id == given.id
        ]
        if made:
            return self.followed(max(made, key=lambda node: node.lineno).value, function)
        if given.id not in [one.arg for one in function.args.args]:
            raise AssertionError(f"{self.path}:{given.lineno}: nobody has made {given.id}")
        return [
            facts
            for code in map(_Code.of, _tellers())
            for caller, call in code.calls()
            if code._called(call) == (self.path, function)
            if (passed := code.given(call, given.id))
            for facts in code.followed(passed, caller)
        ]

    def _returned(self, name: str) -> list[Facts]:
        function = self.functions[name]
        returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
        return [facts for value in returned if value for facts in self.followed(value, function)]
