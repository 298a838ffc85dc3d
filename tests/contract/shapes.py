"""What the data of a state machine surely holds when a state begins, along its transitions.

Where several states lead to one, it holds what all of them give. Of a value only its members are
known: what a state sets, a function's answer has, or the workflow's input promises.
"""

import json
import re
from typing import Any

from tests.contract.files import Json, State, asl, nexts, states

Shape = Any
"""A dict of members, a list of them, or one of the two below."""
VALUE = "value"
"""A value without members that are known."""
ANYTHING = "anything"
"""A value from outside: whatever members are asked of it."""

INPUTS: dict[str, Shape] = {
    # S3's event, of which the functions' own models say what they read.
    "detection": {"detail": {"object": {"key": VALUE}, "bucket": {"name": VALUE}}},
    "human_review": {"detail": {"object": {"key": VALUE}, "bucket": {"name": VALUE}}},
}
ERROR = {"Error": VALUE, "Cause": VALUE}

_PATH = re.compile(r"(?<!\$)\$(?:\.[A-Za-z_]\w*|\[\d+\])*")


def beginnings(workflow: str) -> dict[str, Shape]:
    """What the data holds at the beginning of each state."""
    found: dict[str, Shape] = {}
    _follow(asl(workflow), INPUTS.get(workflow, {}), found)
    return found


def paths_in(value: Any) -> list[str]:
    """The paths into the data in a reference or an intrinsic function; not those into ``$$``."""
    # Text in quotes has no paths.
    return _PATH.findall(re.sub(r"'(?:[^'\\]|\\.)*'", "''", value))


def has(shape: Shape, path: str) -> bool:
    """Whether the path leads to something in data of this shape."""
    return _at(shape, path) is not None


def references(state: State) -> list[str]:
    """Every path by which a state reads its own data; what it does with an answer aside."""
    body = state.body
    found = _dynamic(body.get("Parameters", {})) + _dynamic(body.get("ItemSelector", {}))
    for word in (
        "InputPath",
        "ItemsPath",
        "ErrorPath",
        "CausePath",
        "SecondsPath",
        "TimestampPath",
    ):
        if body.get(word):
            found += paths_in(body[word])
    for choice in body.get("Choices", []):
        found += [rule["Variable"] for rule in _rules(choice)]
    return found


def _rules(choice: Json) -> list[Json]:
    for word in ("Or", "And"):
        if word in choice:
            return [rule for part in choice[word] for rule in _rules(part)]
    return _rules(choice["Not"]) if "Not" in choice else [choice]


def _dynamic(part: Any) -> list[str]:
    if isinstance(part, list):
        return [path for member in part for path in _dynamic(member)]
    if not isinstance(part, dict):
        return []
    return [
        path
        for name, value in part.items()
        for path in (paths_in(value) if name.endswith(".$") else _dynamic(value))
    ]


def _follow(level: Json, given: Shape, found: dict[str, Shape]) -> list[Shape]:
    """Walk one level until nothing changes; the shapes with which it ends well."""
    found[level["StartAt"]] = given
    todo = [level["StartAt"]]
    while todo:
        name = todo.pop()
        body = level["States"][name]
        results = {target: _after(body, found[name], found) for target in nexts(body, caught=False)}
        for catcher in body.get("Catch", []):
            shape = _with(found[name], catcher.get("ResultPath", "$"), ERROR)
            target = catcher["Next"]
            results[target] = _both(results[target], shape) if target in results else shape
        for target, shape in results.items():
            merged = _both(found[target], shape) if target in found else shape
            if found.get(target) != merged:
                found[target] = merged
                todo.append(target)
    return [
        _after(body, found[name], found)
        for name, body in level["States"].items()
        if name in found and (body["Type"] == "Succeed" or body.get("End"))
    ]


def _after(body: Json, given: Shape, found: dict[str, Shape]) -> Shape:
    """The data after a state that ended well."""
    if body["Type"] in {"Choice", "Wait", "Succeed"}:
        return given
    if body["Type"] == "Parallel":
        result: Shape = [_branch(branch, given, found) for branch in body["Branches"]]
    elif body["Type"] == "Map":
        _branch(body["ItemProcessor"], _made(body["ItemSelector"], given), found)
        result = VALUE
    elif "Parameters" in body and body["Type"] == "Pass":
        result = _made(body["Parameters"], given)
    else:
        result = _shape_of(body["Result"]) if "Result" in body else ANYTHING
    if "ResultSelector" in body:
        result = _made(body["ResultSelector"], result)
    return _with(given, body.get("ResultPath", "$"), result)


def _branch(branch: Json, given: Shape, found: dict[str, Shape]) -> Shape:
    ends = _follow(branch, given, found)
    result = ends[0]
    for end in ends[1:]:
        result = _both(result, end)
    return result


def _made(template: Any, given: Shape) -> Shape:
    """What a payload template makes of data of this shape."""
    if not isinstance(template, dict):
        return _shape_of(template)
    return {
        name.removesuffix(".$"): _dynamic_shape(value, given)
        if name.endswith(".$")
        else _made(value, given)
        for name, value in template.items()
    }


def _dynamic_shape(text: str, given: Shape) -> Shape:
    if text.startswith("$") and not text.startswith("$$"):
        shape = _at(given, text)
        return VALUE if shape is None else shape
    if text.startswith("States.StringToJson($"):
        return ANYTHING
    merged = re.match(r"States\.JsonMerge\(States\.StringToJson\('(.*?)'\)", text)
    return _shape_of(json.loads(merged[1])) if merged else VALUE


def _shape_of(value: Any) -> Shape:
    if isinstance(value, dict):
        return {name: _shape_of(member) for name, member in value.items()}
    return VALUE


def _at(shape: Shape, path: str) -> Shape | None:
    for name, position in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        if shape == ANYTHING:
            return ANYTHING
        if name:
            shape = shape.get(name) if isinstance(shape, dict) else None
        else:
            shape = shape[int(position)] if isinstance(shape, list) else None
        if shape is None:
            return None
    return shape


def _with(shape: Shape, path: str, result: Shape) -> Shape:
    if path == "$":
        return result
    name, _, rest = path.removeprefix("$.").partition(".")
    members = shape if isinstance(shape, dict) else {}
    inner = _with(members.get(name, {}), f"$.{rest}", result) if rest else result
    return {**members, name: inner}


def _both(one: Shape, other: Shape) -> Shape:
    """What data holds that has one shape or the other."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _both(one[name], other[name]) for name in one.keys() & other.keys()}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [_both(mine, theirs) for mine, theirs in zip(one, other, strict=True)]
    return one if one == other else VALUE


def all_beginnings() -> dict[str, Shape]:
    """What the data holds at the beginning of every state of every workflow, by its full name."""
    return {
        f"{workflow}.{name}": shape
        for workflow in {state.workflow for state in states()}
        for name, shape in beginnings(workflow).items()
    }
