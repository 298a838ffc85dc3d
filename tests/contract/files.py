"""The project's files as the contract tests read them: template, functions, state machines."""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from local.stack.template import read_yaml

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / "layers/common"
STEMS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
WORKFLOWS = sorted(
    path.name.removesuffix(".asl.yaml") for path in (ROOT / "statemachine").glob("*.asl.yaml")
)

LAMBDA_INVOKE = "arn:aws:states:::lambda:invoke"

Json = dict[str, Any]


# --- Template -------------------------------------------------------------------------------------


@cache
def template() -> Json:
    """The template, its short intrinsics written out."""
    parsed: Json = read_yaml((ROOT / "template.yaml").read_text(encoding="utf-8"))
    return parsed


def resources(type_name: str) -> dict[str, Json]:
    """The resources of a type by their logical names."""
    return {
        name: resource
        for name, resource in template()["Resources"].items()
        if resource["Type"] == type_name
    }


def functions() -> dict[str, Json]:
    """Each function's properties, what all functions have included, by its logical name."""
    common = template()["Globals"]["Function"]
    return {
        name: {**common, **resource["Properties"]}
        for name, resource in resources("AWS::Serverless::Function").items()
    }


def camel(stem: str) -> str:
    """``EvaluateModel`` for ``evaluate_model``."""
    return "".join(word.capitalize() for word in stem.split("_"))


def function(stem: str) -> Json:
    """The properties of the function of this folder."""
    return functions()[f"{camel(stem)}Function"]


def shared_environment() -> Json:
    """What the template sets for every function."""
    variables: Json = template()["Globals"]["Function"]["Environment"]["Variables"]
    return variables


def environment(stem: str) -> Json:
    """What the template sets for the function of this folder, what all functions have included."""
    return {**shared_environment(), **function(stem)["Environment"]["Variables"]}


def statements(properties: Json) -> list[Json]:
    """The statements of a function's or state machine's inline policies, conditional ones too."""
    return [
        statement["Fn::If"][1] if "Fn::If" in statement else statement
        for policy in properties.get("Policies", [])
        for statement in policy.get("Statement", [])
    ]


def as_list(value: Any) -> list[Any]:
    """The value, or a list of it alone."""
    return value if isinstance(value, list) else [value]


def references(part: Any) -> set[str]:
    """The logical names that a part of the template depends on."""
    if isinstance(part, list):
        return set().union(*(references(member) for member in part))
    if not isinstance(part, dict):
        return set()
    found: set[str] = set()
    for name, value in part.items():
        if name == "Ref":
            found.add(value)
        elif name == "Fn::GetAtt":
            found.add((value if isinstance(value, list) else value.split("."))[0])
        elif name == "Fn::Sub":
            text = value if isinstance(value, str) else value[0]
            found |= {match.split(".")[0] for match in re.findall(r"\$\{([^}!]+)\}", text)}
        elif name == "DependsOn":
            found |= set(as_list(value))
        else:
            found |= references(value)
    return found & set(template()["Resources"])


def everything_it_needs(logical_name: str) -> set[str]:
    """The logical names that a resource depends on, directly or through others."""
    found: set[str] = set()
    todo = [logical_name]
    while todo:
        for name in references(template()["Resources"][todo.pop()]) - found:
            found.add(name)
            todo.append(name)
    return found


# --- Functions ------------------------------------------------------------------------------------


def app(stem: str) -> ModuleType:
    """The function's module."""
    return importlib.import_module(f"functions.{stem}.app")


@dataclass(frozen=True)
class Raise:
    """One line under ``Raises`` in a handler's header."""

    errors: tuple[str, ...]
    what_becomes_of_it: str


def raises(stem: str) -> list[Raise]:
    """What the handler's header says it raises."""
    doc = app(stem).__doc__ or ""
    section = re.search(r"^Raises(.*?)^Idempotent", doc, re.MULTILINE | re.DOTALL)
    assert section, f"{stem}: the header has no lines Raises and Idempotent"
    found: list[Raise] = []
    for line in section[1].splitlines():
        match = re.match(r"\s+((?:\w+Error(?:, )?)+)\s*(.*)", line)
        if match:
            found.append(Raise(tuple(match[1].rstrip(", ").split(", ")), match[2]))
        elif found and line.strip():
            last = found.pop()
            text = f"{last.what_becomes_of_it} {line.strip()}"
            found.append(Raise(last.errors, text))
    return found


# --- State machines -------------------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """One state, and the level of the state machine that it lies in."""

    workflow: str
    name: str
    body: Json
    siblings: Json

    @property
    def is_task(self) -> bool:
        """Whether it calls something."""
        return bool(self.body["Type"] == "Task")

    @property
    def stem(self) -> str | None:
        """The folder of the function that it invokes, if it invokes one."""
        if self.body.get("Resource") != LAMBDA_INVOKE:
            return None
        name = re.fullmatch(r"\$\{(\w+)FunctionArn\}", self.body["Parameters"]["FunctionName"])
        assert name, f"{self}: {self.body['Parameters']['FunctionName']}"
        return re.sub(r"(?<!^)([A-Z])", r"_\1", name[1]).lower()

    def __str__(self) -> str:
        return f"{self.workflow}.{self.name}"


def asl_text(workflow: str) -> str:
    """The definition as it is written."""
    return (ROOT / f"statemachine/{workflow}.asl.yaml").read_text(encoding="utf-8")


@cache
def asl(workflow: str) -> Json:
    """The definition."""
    parsed: Json = read_yaml(asl_text(workflow))
    return parsed


def states(workflow: str | None = None) -> list[State]:
    """Every state of a workflow, or of all."""
    names = [workflow] if workflow else WORKFLOWS
    return [state for name in names for state in _states(name, asl(name))]


def _states(workflow: str, level: Json) -> Iterator[State]:
    for name, body in level["States"].items():
        yield State(workflow, name, body, level)
        levels = body.get("Branches", [])
        if body["Type"] == "Map":
            levels = [body["ItemProcessor"]]
        for inner in levels:
            yield from _states(workflow, inner)


def tasks() -> list[State]:
    """Every Task state."""
    return [state for state in states() if state.is_task]


def invoking(stem: str) -> list[State]:
    """The states that invoke the function of this folder."""
    return [state for state in tasks() if state.stem == stem]


def state_machine(workflow: str) -> Json:
    """The properties of the workflow's resource in the template."""
    properties: Json = template()["Resources"][f"{camel(workflow)}StateMachine"]["Properties"]
    return properties


def role_statements(workflow: str) -> list[Json]:
    """The statements of the policies that the workflow's role has, or may have."""
    (role,) = references(state_machine(workflow)["Role"])
    return [
        statement["Fn::If"][1] if "Fn::If" in statement else statement
        for policy in template()["Resources"][role]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def nexts(body: Json, *, caught: bool = True) -> list[str]:
    """The states that may come after one."""
    found = [body[word] for word in ("Next", "Default") if word in body]
    found += [choice["Next"] for choice in body.get("Choices", [])]
    if caught:
        found += [catcher["Next"] for catcher in body.get("Catch", [])]
    return found


def error_names(body: Json, word: str) -> set[str]:
    """Every name in the ``ErrorEquals`` of a state's Retry or Catch."""
    return {name for rule in body.get(word, []) for name in rule["ErrorEquals"]}
