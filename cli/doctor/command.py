"""`labelloop doctor`: what is wrong with the account or the stack, and how to mend it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import click
from botocore.exceptions import BotoCoreError, ClientError

from ..stack import Stack, describe, on_any_stack, outputs_of, show
from . import account_checks, stack_checks
from .checks import Check, Found, Level


@click.command()
@on_any_stack
def doctor(stack: Stack, as_json: bool) -> None:
    """Look for what is wrong, before a deployment and after it.

    Ends with code 1 where there is a problem.
    """
    found = list(_examine(stack))
    counts = Counter(one.level for _, one in found)
    problems = counts[Level.PROBLEM]
    data = {
        "stack": stack.name,
        "problems": problems,
        "warnings": counts[Level.WARNING],
        "findings": [{"check": check.name, **vars(one)} for check, one in found],
    }
    lines = [_line(check, one) for check, one in found]
    summary = f"{_counted(problems, 'problem')}, {_counted(counts[Level.WARNING], 'warning')}."
    show(as_json, data, "\n".join([*lines, "", summary]))
    if problems:
        click.get_current_context().exit(1)


def _examine(stack: Stack) -> Iterator[tuple[Check, Found]]:
    for check, found in _run(account_checks.FIRST, stack):
        yield check, found
        if found.level is Level.PROBLEM:
            return
    yield from _run(account_checks.CHECKS, stack)
    try:
        outputs = outputs_of(describe(stack) or {})
    except (ClientError, BotoCoreError):
        return  # as the stack's own check has said
    if outputs:
        deployed = replace(stack, outputs=outputs)
        with deployed.gateways():
            yield from _run(stack_checks.CHECKS, deployed)


def _run(checks: Iterable[Check], stack: Stack) -> Iterator[tuple[Check, Found]]:
    for check in checks:
        for found in check.run(stack):
            yield check, found


def _line(check: Check, found: Found) -> str:
    mend = f" {found.mend}" if found.mend else ""
    return f"{found.level:<8} {check.name:<13} {' '.join((found.text + mend).split())}"


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
