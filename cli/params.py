"""`labelloop params`: the operator's parameters, checked before Parameter Store checks them."""

import difflib
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import click

from labelloop.aws import parameters, sampling_position
from labelloop.domain.calibration import Outlook
from labelloop.domain.hosting import cost_usd
from labelloop.domain.parameters import BY_NAME, CATALOGUE, Parameter
from labelloop.errors import ConfigurationError

from . import minimums, models
from .account import account_options
from .failures import REFUSED, CommandError
from .helping import Commands
from .stack import Stack, on_stack, show


@click.group(cls=Commands)
@account_options
def params() -> None:
    """See and change the operator's parameters."""


@params.command(name="list")
@on_stack
def list_params(_: Stack, as_json: bool) -> None:
    """Show every parameter, its value and its default."""
    values = stored_values()
    rows = [_described(parameter, values) for parameter in CATALOGUE]
    cells = [("parameter", "value", "default", "")]
    cells += [(row["name"], row["value"], row["default"], _remark(row)) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    lines = [
        "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[3]])
        for row in cells
    ]
    show(as_json, rows, "\n".join(line.rstrip() for line in lines))


@params.command(name="get")
@click.argument("name")
@on_stack
def get_param(_: Stack, name: str, as_json: bool) -> None:
    """Show the value of the parameter NAME."""
    parameter = _named(name)
    row = _described(parameter, stored_values())
    show(as_json, row, row["value"])


@params.command(name="set", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("value")
@on_stack
def set_param(stack: Stack, name: str, value: str, as_json: bool) -> None:
    """Give the parameter NAME the VALUE. It is in effect within a minute or two."""
    parameter = _named(name)
    try:
        parameter.check(value)
    except ConfigurationError as error:
        raise CommandError(
            f"{parameter.name} must be {parameter.values}, and {value!r} is not. Nothing changed."
        ) from error
    stored = stored_values().get(parameter.name)
    before = parameter.fallback if stored is None else stored
    if stored != value:
        parameters.redefine(parameter, value)
    data: dict[str, Any] = {"name": parameter.name, "value": value, "before": before}
    means = _what_it_means(stack, parameter, value)
    text = f"{parameter.name} is {value} now; it was {before}. {means}".rstrip()
    if stored == value:
        text = f"{parameter.name} was {value} already."
    if parameter.name == minimums.MINIMUM:
        serving = _serving()
        price = serving[1].at(Decimal(value)) if serving else None
        data["on_test_images"] = (
            {**asdict(price), "minimum_pct": float(price.minimum_pct)} if price else None
        )
        if serving and price:
            text += f" On the test images of {serving[0]} that means: {minimums.in_words(price)}."
    show(as_json, data, text)


_COUNTED_ALREADY = {
    "Enable-Automatic-Training": "What came while it was off counts as new.",
    "Automatic-Training-Poll-Frequency": "The next look is an interval from now at the latest.",
    "Automatic-Human-Sampling-Frequency": "The next time is an interval from now at the latest.",
    "Minimum-Untrained-Images": "Images that are new already count.",
    "Idle-Minutes-Before-Stop": "The time that the model has been without work already counts.",
    "Enable-Automatic-Human-Sampling": "Switched on, it begins with what comes from now on.",
    "Minimum-Label-Detection-Confidence": "What was detected already keeps its outcome.",
    "Daily-Review-Budget": "What people were asked about today (UTC) counts.",
    "Maximum-Daily-Model-Hours": "The hours of today (UTC) count.",
    "Maximum-Daily-API-Images": "The images of today (UTC) count.",
    "Minimum-Inference-Units": "A model that runs keeps its units until it is started again.",
    "Maximum-Inference-Units": "A model that runs keeps its units until it is started again.",
    "Maximum-Model-Versions": "Versions over it are deleted at the next training.",
}
"""What a change means for what there is and was counted already."""


def _what_it_means(stack: Stack, parameter: Parameter, value: str) -> str:
    """What a new value means for what was counted already, or costs, in sentences."""
    if parameter.name == "Model-Hosting" and value == "always-on":
        return _what_always_costs(stack)
    if parameter.name != "Human-Sampling-Interval":
        return _COUNTED_ALREADY.get(parameter.name, "")
    try:
        counted = sampling_position.read().since_last
        left = max(1, int(effective_value(parameter.name)) - counted)
    except REFUSED:
        return "What was counted since the last sampled one counts."
    return (
        f"What was counted since the last sampled one, {counted}, counts: after {left} more, the "
        "next one is taken."
    )


def _what_always_costs(stack: Stack) -> str:
    try:
        units, price = (
            effective_value("Minimum-Inference-Units"),
            models.unit_hour_usd(stack),
        )
    except REFUSED:
        return ""
    usd = cost_usd(timedelta(days=1), int(units), price)
    return (
        f"A model that runs always costs about US${usd:.2f} a day "
        f"(Minimum-Inference-Units: {units})."
    )


def _serving() -> tuple[str, Outlook] | None:
    """The version that serves, and what minimums would do; None where that cannot be known."""
    try:
        version = models.serving()
        found = minimums.outlook(version) if version else None
    except REFUSED:
        return None  # The parameter is set, whatever else whoever did it may not read.
    return (version, found) if version and found else None


def _named(name: str) -> Parameter:
    by_lower_name = {known.lower(): parameter for known, parameter in BY_NAME.items()}
    parameter = by_lower_name.get(name.lower())
    if parameter is not None:
        return parameter
    near = difflib.get_close_matches(name.lower(), by_lower_name, n=1, cutoff=0.4)
    hint = f" Did you mean {by_lower_name[near[0]].name}?" if near else ""
    raise CommandError(f"There is no parameter {name}.{hint} All of them: labelloop params list")


def stored_values() -> dict[str, str]:
    """The stored values by name without prefix."""
    return {name: value for name, (value, _) in parameters.stored().items()}


def effective_values() -> dict[str, str]:
    """The values that count by name, whatever is stored."""
    values = stored_values()
    return {name: parameter.effective(values.get(name)) for name, parameter in BY_NAME.items()}


def effective_value(name: str) -> str:
    """The value of one of them; whoever needs several reads all at once."""
    return effective_values()[name]


def _described(parameter: Parameter, values: dict[str, str]) -> dict[str, Any]:
    value = values.get(parameter.name)
    return {
        "name": parameter.name,
        "value": parameter.fallback if value is None else value,
        "default": parameter.default,
        "values": parameter.values,
        "meaning": parameter.meaning,
        "stored": value is not None,
        "valid": value is None or parameter.accepts(value),
    }


def _remark(row: dict[str, Any]) -> str:
    if not row["valid"]:
        return f"not valid: it must be {row['values']}"
    if not row["stored"]:
        return "not in Parameter Store"
    return "" if row["value"] == row["default"] else "changed"
