"""The report of a smoke test, made for an issue: it names no account and no person."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import botocore

from .. import __version__
from .run import FAILED, NOT_TRIED, PASSED, Done, Run
from .steps import STEPS

_SECRETS = (
    (re.compile(r"\b[\w.+-]+@[\w-]+(\.[\w-]+)+"), "<e-mail>"),
    (re.compile(r"\b(AKIA|ASIA|AIDA|AROA)[A-Z0-9]{12,}\b"), "<key>"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "<token>"),
    (re.compile(r"(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"']+"), r"\1<secret>"),
    # Behind the role's name: who had taken it on.
    (re.compile(r"(:assumed-role/[\w+=,.@-]+/)[\w+=,.@-]+"), r"\1<session>"),
    (re.compile(r"(:user/)[\w+=,.@/-]+"), r"\1<user>"),
)


def as_json(run: Run, left: list[str]) -> dict[str, Any]:
    """The report for programs."""
    stack = run.stack
    answer = {
        "stack": stack.name,
        "on_this_machine": stack.on_this_machine,
        "region": stack.client("rekognition").meta.region_name,
        "model_type": run.model_type,
        "release": __version__,
        "botocore": botocore.__version__,
        "begun": run.begun,
        "steps": [_step(run, number) for number in range(len(STEPS))],
        "left": left,
    }
    account = stack.output("ProjectArn").split(":")[4]
    masked: dict[str, Any] = _masked(answer, account)
    return masked


def _step(run: Run, number: int) -> dict[str, Any]:
    step = STEPS[number]
    done = run.done(step.name) or Done(NOT_TRIED, ("It was not come to.",), 0)
    told = {"step": step.name, "title": step.title, **done.as_json()}
    return {**told, "means": step.means} if done.result == FAILED else told


def _masked(value: Any, account: str) -> Any:
    if isinstance(value, str):
        value = value.replace(account, "<account>")
        for pattern, instead in _SECRETS:
            value = pattern.sub(instead, value)
        return value
    if isinstance(value, list):
        return [_masked(entry, account) for entry in value]
    if isinstance(value, dict):
        return {name: _masked(entry, account) for name, entry in value.items()}
    return value


def text(report: Mapping[str, Any]) -> str:
    """The report for people, and for an issue."""
    where = "this machine, not AWS" if report["on_this_machine"] else report["region"]
    lines = [
        f"labelloop smoke, release {report['release']}: {report['model_type']} on {where}, begun "
        f"{report['begun']}, botocore {report['botocore']}",
        "",
    ]
    for step in report["steps"]:
        took = f" ({timedelta(seconds=round(step['seconds']))})" if step["seconds"] >= 1 else ""
        result = step["result"].upper() if step["result"] == FAILED else step["result"]
        lines.append(f"{result:<10} {step['step']}{took}: {step['title']}.")
        lines += [f"{'':<10}   {sentence}" for sentence in step["found"]]
        if "means" in step:
            lines.append(f"{'':<10}   What that means: {step['means']}")
    passed = sum(step["result"] == PASSED for step in report["steps"])
    lines += ["", f"{passed} of {len(report['steps'])} passed."]
    lines.append(f"Left: {'; '.join(report['left'])}." if report["left"] else "Nothing is left.")
    return "\n".join(lines)
