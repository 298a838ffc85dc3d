"""labelloop.errors: the tree that is drawn is the tree that there is."""

import inspect
import re

from labelloop import errors
from labelloop.errors import LabelLoopError


def _classes() -> dict[str, type[LabelLoopError]]:
    return {
        name: found
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, LabelLoopError)
    }


def _drawn() -> dict[str, tuple[str | None, str]]:
    """Each class that is drawn: its parent by indentation, and what is said of it."""
    found: dict[str, tuple[str | None, str]] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^(?:[ |]*\+ | {4})(\w+Error)\b\s*(.*)$", line)
        if match:
            column = match.start(1)
            above = [(depth, name) for depth, name in above if depth < column]
            found[match[1]] = (above[-1][1] if above else None, match[2])
            above.append((column, match[1]))
    return found


def test_every_class_is_drawn_under_its_parent_and_nothing_else_is() -> None:
    drawn = {name: parent for name, (parent, _) in _drawn().items()}
    there = {
        name: None if found is LabelLoopError else found.__bases__[0].__name__
        for name, found in _classes().items()
    }
    assert drawn == there


def test_what_the_drawing_says_of_a_class_is_what_the_class_says() -> None:
    for name, (_, said) in _drawn().items():
        if said:
            doc = (_classes()[name].__doc__ or "").strip().rstrip(".")
            assert doc.casefold() == said.casefold()


def test_names_end_in_error_and_are_known_to_one_meaning_only() -> None:
    for name, found in _classes().items():
        assert name.endswith("Error")
        kinds = [errors.RetryableError, errors.RefusedError, errors.InconsistentError]
        if found is not LabelLoopError:
            assert sum(issubclass(found, kind) for kind in kinds) == 1
