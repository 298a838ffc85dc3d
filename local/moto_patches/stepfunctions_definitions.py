"""What is changed of how moto reads definitions of state machines, and paths in them."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from jsonpath_ng.jsonpath import Child, Fields, Index, Root
from moto.core.exceptions import AWSError
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.path.items_path import ItemsPath
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from local.moto_patches.around import Around, Patches
from local.moto_patches.stepfunctions import replace_everywhere


def check_definitions(_: Around) -> None:
    """moto takes a transition to a state that is not there, and JSONata that it cannot evaluate."""
    validate = StepFunctionsParserBackend._validate_definition

    def _validate_definition(definition: str) -> None:
        try:
            problems = list(_definition_problems(json.loads(definition), ""))
        except ValueError as error:
            problems = [f"INVALID_JSON_DESCRIPTION: {error}"]
        if problems:
            message = f"Invalid State Machine Definition: '{'; '.join(problems)}'"
            raise AWSError(message, exception_type="InvalidDefinition")
        try:
            validate(definition)
        except Exception as error:
            message = f"Invalid State Machine Definition: '{error.args}'"
            raise AWSError(message, exception_type="InvalidDefinition") from error

    StepFunctionsParserBackend._validate_definition = staticmethod(_validate_definition)


def _definition_problems(machine: dict[str, Any], where: str) -> Iterator[str]:
    """What is wrong with a machine, or the sub-machine of a branch or an iteration."""
    states = machine.get("States", {})
    if machine.get("QueryLanguage") == "JSONata":
        yield f"the embedded runtime evaluates no JSONata, at {where or '/'}"
    targets = [(f"{where}/StartAt", machine.get("StartAt"))]
    for name, state in states.items():
        place = f"{where}/States/{name}"
        if state.get("QueryLanguage") == "JSONata":
            yield f"the embedded runtime evaluates no JSONata, at {place}"
        targets += [(f"{place}/{key}", state[key]) for key in ("Next", "Default") if key in state]
        for key in ("Choices", "Catch"):
            targets += [(f"{place}/{key}", rule.get("Next")) for rule in state.get(key, [])]
        for branch in state.get("Branches", []):
            yield from _definition_problems(branch, f"{place}/Branches")
        for key in ("ItemProcessor", "Iterator"):
            if key in state:
                yield from _definition_problems(state[key], f"{place}/{key}")
    for place, target in targets:
        if target not in states:
            yield f"MISSING_TRANSITION_TARGET: Missing target state {target} at {place}"


def share_parsed_definitions(_: Around) -> None:
    """moto parses the definition again for every execution (ANTLR in Python: 30-80 ms for five
    states).

    The parsed program holds no state of an execution, but for ``heap_key``, which two threads could
    set at once.
    """

    program = _parse_once(lambda definition: AmazonStateLanguageParser.parse(definition)[0])

    def _get_evaluation_entrypoint(self: Any) -> Any:
        return program(self._evaluation_details.state_machine_details.definition)

    ExecutionWorker._get_evaluation_entrypoint = _get_evaluation_entrypoint
    EvalComponent.heap_key = property(lambda self: str(id(self)))


def share_parsed_paths(_: Around) -> None:
    """moto parses every JSONPath again each time it is evaluated (about 1 ms)."""
    json_path.parse = _parse_once(json_path.parse)
    result_path.parse = _parse_once(result_path.parse)


def read_paths_as_aws_does(_: Around) -> None:
    """moto gives a list for a path through one element (``$.Found[0].Status``), and a value, or an
    error, where ``..``, ``*`` or a filter has found one thing, or none.

    On AWS the path alone decides which of them it is: a path with ``*``, a slice, ``..``, a filter
    or several names gives a list, however much it finds; every other path leads to one value.
    """
    original = json_path.extract_json

    def extract_json(path: str, data: Any) -> Any:
        parsed = json_path.parse(path)
        found = [match.value for match in parsed.find(data)]
        if not _leads_to_one_value(parsed):
            return found
        if not found:
            raise json_path.NoSuchJsonPathError(json_path=path, data=data)
        return found[0]

    replace_everywhere("extract_json", original, extract_json)


def _leads_to_one_value(parsed: Any) -> bool:
    match parsed:
        case Root():
            return True
        case Child(left=left, right=right):
            return _leads_to_one_value(left) and _leads_to_one_value(right)
        case Fields(fields=named) | Index(indices=named):
            return len(named) == 1
    return False


def put_lists_at_elements(_: Around) -> None:
    """moto puts the first item of a list where a ResultPath ends in an element (``$.kept[0]``)."""
    parse = result_path.parse

    def parse_reference(text: str) -> Any:
        parsed = parse(text)
        return _ElementPath(parsed) if isinstance(getattr(parsed, "right", None), Index) else parsed

    result_path.parse = parse_reference


class _ElementPath:
    """A reference path that ends in an element of a list."""

    def __init__(self, parsed: Any) -> None:
        self._parsed = parsed

    def update_or_create(self, data: Any, value: Any) -> Any:
        """The data with the value there; jsonpath_ng deals the items of a list out to elements."""
        return self._parsed.update_or_create(data, [value])


def _parse_once(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """The parser with a memory; ANTLR's and PLY's do not promise to be safe for threads."""
    lock = threading.Lock()

    @functools.lru_cache(maxsize=4096)
    def parsed(text: str) -> Any:
        with lock:
            return parse(text)

    return parsed


def map_over_lists_only(_: Around) -> None:
    """moto has JSONata's error, which can be caught, for an ItemsPath that leads to no list.

    On AWS that is a ``States.Runtime`` error: 'Reference path "$.x" must point to array'.
    """
    evaluate = ItemsPath._eval_body

    def _eval_body(self: Any, env: Any) -> None:
        evaluate(self, env)
        if not isinstance(env.stack[-1], list):
            path = self.string_sampler.literal_value
            raise ValueError(f'Reference path "{path}" must point to array.')

    ItemsPath._eval_body = _eval_body


PATCHES: Patches = (
    check_definitions,
    share_parsed_definitions,
    share_parsed_paths,
    read_paths_as_aws_does,
    put_lists_at_elements,
    map_over_lists_only,
)
