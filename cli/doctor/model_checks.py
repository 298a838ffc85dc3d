"""What `labelloop doctor` looks at about models: what is billed, trains and doubts."""

from collections.abc import Iterator
from decimal import Decimal

from labelloop.aws import hosting_state, rekognition
from labelloop.domain.annotations import ModelType
from labelloop.domain.parameters import BY_NAME

from .. import ceilings, minimums, models
from ..params import effective_value
from ..stack import Stack, model_type
from .checks import Found, note, ok, problem, warning


def running_models(stack: Stack) -> Iterator[Found]:
    """What is billed now, and whether that is the model that serves."""
    serving = models.serving() or ""
    versions = rekognition.listed()
    billed = [version for version in versions if rekognition.is_active(version.status)]
    busy = models.running_deployment() is not None
    price = models.unit_hour_usd(stack) if billed else 0.0
    for version in billed:
        cost = price * version.inference_units
        text = f"{version.name} is {version.status} and billed, about US${cost:.2f} an hour"
        if version.name == serving or busy:
            yield ok(f"{text}.")
        else:
            yield warning(
                f"{text}, but it is not the deployed one.", f"labelloop stop {version.name}"
            )
    names = {version.name for version in versions}
    if serving and serving not in names:
        yield problem(
            f"The deployed version {serving} is not in the service any more: nothing is detected.",
            "Put another one into service: labelloop versions, then labelloop deploy VERSION",
        )
    elif serving and serving not in {version.name for version in billed}:
        yield _about_stopped(serving)
    elif not serving and not billed:
        yield ok("None was deployed yet, and none is billed.")
    others = running_elsewhere(stack)
    if others:
        yield note(
            f"Other projects run models too: {', '.join(others)}. They count for the account's "
            "limit, and a swap needs two."
        )


def _about_stopped(serving: str) -> Found:
    if hosting_state.is_paused():
        who = models.who_paused_hosting()
        return note(
            f"{serving} was stopped by hand{who and ' '}{who}: images wait for it.",
            "labelloop start",
        )
    tomorrow = ceilings.why_none_starts()
    if tomorrow:
        return note(f"{serving} is deployed and stopped. {tomorrow}")
    name = "Model-Hosting"
    hosting = effective_value(name)
    when = "when images come in" if hosting == "on-demand" else "within some minutes"
    return ok(f"{serving} is deployed and stopped. It is started {when} ({name} is {hosting}).")


def running_elsewhere(stack: Stack) -> list[str]:
    """The versions of other projects that are billed now, each after its project's name."""
    pages = stack.client("rekognition").get_paginator("describe_projects").paginate()
    projects = [project["ProjectArn"] for page in pages for project in page["ProjectDescriptions"]]
    return [
        f"{arn.split('/')[1]} {version.name}"
        for arn in projects
        if arn != stack.output("ProjectArn")
        for version in rekognition.listed(arn)
        if rekognition.is_active(version.status)
    ]


def training_lock(_: Stack) -> Iterator[Found]:
    """Whether a training or deployment goes on, or one died."""
    execution, status = models.training_lock()
    if execution is None:
        yield ok("No training or deployment goes on.")
    elif status == "RUNNING":
        yield ok(f"A training or deployment goes on: {execution}")
    else:
        yield warning(
            f"A training or deployment has ended ({status}) without letting others go on: "
            f"{execution}",
            "Nothing to do: the next one takes over. Look there for what happened.",
        )


def doubt(stack: Stack) -> Iterator[Found]:
    """Whether the minimum confidence sends mistakes to people, by the test of what serves."""
    serving = models.serving()
    if serving is None:
        yield ok("No model has been deployed yet.")
        return
    found = minimums.outlook(serving)
    if found is None:
        yield _unknown_doubt(stack, serving)
        return
    parameter = BY_NAME[minimums.MINIMUM]
    value = effective_value(parameter.name)
    price = found.at(Decimal(value))
    text = f"{minimums.MINIMUM} is {value}: of the test images of {serving}, "
    text += minimums.in_words(price)
    others = [each for each in minimums.prices(found) if each.minimum_pct != price.minimum_pct]
    told = "; ".join(
        f"{each.minimum_pct} sends {each.asked} and catches {each.caught}" for each in others
    )
    if price.mistakes and not price.caught:
        yield warning(f"{text}.", f"Set another one with labelloop params set. {told}.")
    else:
        yield ok(f"{text}. {told}.")


def _unknown_doubt(stack: Stack, serving: str) -> Found:
    mend = "It is made up for when the next version is evaluated: labelloop train"
    if model_type(stack) is ModelType.CLASSIFICATION:
        return note(f"What a minimum would send to people is not known of {serving}.", mend)
    return warning(
        f"An earlier release evaluated {serving}, so it is asked as then: what lies just under the "
        "threshold of its label is never doubted.",
        mend,
    )
