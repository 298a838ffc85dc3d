"""`labelloop destroy`: take a stack away, with all that it would leave."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from .. import terminal
from ..exports import data_set
from ..exports.data_set import Wanted
from ..failures import INTERRUPTED, CommandError
from ..stack import Stack, describe, look_up, on_any_stack, show
from .destruction import Destruction, Wishes
from .things import Thing, everything
from .traces import BUCKET, Traces, find

MADE_MEANWHILE = "it was there after all else; run the same command again"


@click.command()
@click.option("--keep-images", is_flag=True, help="Leave the bucket, with images and manifests.")
@click.option("--keep-log", is_flag=True, help="Leave the inference log, and its archive.")
@click.option(
    "--export",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write what a training would have now into this folder first, its images too.",
)
@click.option("--dry-run", is_flag=True, help="Only list what there is, and what it costs.")
@click.option("--no-wait", is_flag=True, help="Do not wait for a training that goes on.")
@click.option("--yes", is_flag=True, help="Do not ask for the stack's name.")
@on_any_stack
def destroy(
    stack: Stack,
    *,
    keep_images: bool,
    keep_log: bool,
    folder: Path | None,
    dry_run: bool,
    no_wait: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete the stack and all that it has made: models, images, log, settings, people's sign-in.

    It asks for the stack's name. What is gone is gone for good. It can be stopped at any time, and
    goes on when it is run again, after `sam delete`, too. A model that runs is stopped first.
    """
    traces = find(stack)
    wishes = Wishes(keep_images, keep_log, wait=not no_wait)
    things = everything(stack, traces)
    if dry_run or not things:
        show(as_json, _as_json(stack, things, traces), _listed(stack, things, traces))
        return
    _check_not_protected(stack)
    if not yes:
        _ask(stack, things, traces)
    if folder is not None:
        export_first(stack, traces, folder)
    run = Destruction(stack, wishes)
    try:
        after = run.run()
    except KeyboardInterrupt as error:
        terminal.say("Stopped. To go on, run the same command again.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from error
    there = everything(stack, after)
    kept = {one.physical_id for one in after.retained if wishes.keeps(one)} - run.refused.keys()
    left = [
        {"kind": thing.kind, "name": thing.name, "why": run.refused.get(thing.name, MADE_MEANWHILE)}
        for thing in there
        if thing.name not in kept
    ]
    answer = {
        "stack": stack.name,
        "deleted": [thing.as_json() for thing in things if thing not in there],
        "kept": sorted(kept),
        "left": left,
        "others": _of_others(after),
    }
    show(as_json, answer, _outcome(answer))
    if left:
        raise click.exceptions.Exit(1)


def _check_not_protected(stack: Stack) -> None:
    if (describe(stack) or {}).get("EnableTerminationProtection"):
        raise CommandError(
            f"The stack {stack.name} is protected from being deleted. Nothing was deleted. To "
            "allow it: aws cloudformation update-termination-protection "
            f"--no-enable-termination-protection --stack-name {stack.name}"
        )


def _ask(stack: Stack, things: list[Thing], traces: Traces) -> None:
    terminal.say(_listed(stack, things, traces), err=True)
    try:
        typed = click.prompt(
            f"All of this is deleted for good. To do it, type the stack's name ({stack.name})",
            err=True,
        )
    except click.Abort:
        terminal.say(err=True)
        typed = ""
    if typed != stack.name:
        raise CommandError("Nothing was deleted: that is not the stack's name.")


def export_first(stack: Stack, traces: Traces, folder: Path) -> None:
    """Write the export, or the rest of that which a call before this one has begun.

    Raises CommandError where the folder has not all that it should have.
    """
    if traces.stack_id is not None:
        there = look_up(stack)
    elif not traces.of_type(BUCKET):
        terminal.say("There is no bucket any more of which something could be exported.", err=True)
        return
    elif (folder / data_set.WANTED).exists():
        # What a call before has chosen, while the stack was there.
        bucket = traces.of_type(BUCKET)[0].physical_id
        there = replace(stack, outputs={"BucketName": bucket})
    else:
        raise CommandError(
            f"The stack {stack.name} is gone, and without it nothing can be exported. Nothing was "
            "deleted. Run the same command without --export; or let a new stack have what was "
            "left (labelloop adopt), and deploy it."
        )
    wanted = Wanted(stack.name, there.output("BucketName"), "", "manifest", "all", "", True)
    begun = traces.stack_id is not None and (folder / data_set.WANTED).exists()
    try:
        with there.gateways():
            if begun and not data_set.is_of_now(folder, wanted):
                raise CommandError(
                    f"{folder} has an export of an earlier time, not of what there is now: name "
                    "another folder."
                )
            outcome = data_set.run(folder, wanted, None)
    except CommandError as error:
        raise CommandError(
            f"{error.message} Nothing was deleted. To delete all the same, run the command "
            "without --export."
        ) from error
    if outcome.failed:
        raise CommandError(
            f"{len(outcome.failed)} images could not be downloaded into {folder}. Nothing was "
            "deleted. Run the same command again, or without --export."
        )
    terminal.say(
        f"{folder} has what a training would have had at {outcome.chosen}, its images too.",
        err=True,
    )


def _as_json(stack: Stack, things: list[Thing], traces: Traces) -> dict[str, Any]:
    return {
        "stack": stack.name,
        "is_deployed": traces.stack_id is not None,
        "things": [thing.as_json() for thing in things],
        "usd_a_month": sum(thing.usd_a_month for thing in things),
        "others": _of_others(traces),
    }


def _of_others(traces: Traces) -> list[str]:
    """What is not deleted, since it is not the stack's, or not any more: sentences."""
    return [
        *(
            f"{resource.physical_id} is the stack {owner}'s by now, and stays."
            for resource, owner in traces.elsewhere.items()
        ),
        *(
            f"{name} was put there by somebody else, and stays."
            for name in traces.foreign_parameters
        ),
        *(
            f"The user pool {pool} was there before the stack, and stays, with its people."
            for pool in sorted(traces.foreign_pools)
        ),
        *(
            f"With the user pool {pool} people sign in to the stack {owner}, too: it stays."
            for pool, owner in traces.shared_pools.items()
        ),
    ]


def _listed(stack: Stack, things: list[Thing], traces: Traces) -> str:
    if not things:
        return "\n".join([f"There is nothing of a stack {stack.name}.", *_of_others(traces)])
    lines = [
        f"{_price(thing):>12}  {thing.kind:<11}  {thing.name}{thing.about and f' ({thing.about})'}"
        for thing in _shortened(things)
    ]
    total = sum(thing.usd_a_month for thing in things)
    return "\n".join(
        [
            f"What there is of {stack.name}, and what it costs a month, in US dollars:",
            *lines,
            f"{total:>12.2f}  in all, at list prices, without what is paid by use",
            *_of_others(traces),
        ]
    )


def _shortened(things: list[Thing]) -> list[Thing]:
    """Parameters in one line: they cost nothing, and are many."""
    parameters = [thing for thing in things if thing.kind == "parameter"]
    if not parameters:
        return things
    at = things.index(parameters[0])
    folder = parameters[0].name.rpartition("/")[0]
    one = Thing("parameters", f"{folder}/", 0.0, f"{len(parameters)} of them")
    return [*things[:at], one, *things[at + len(parameters) :]]


def _price(thing: Thing) -> str:
    return f"{thing.usd_a_month:.2f}" if thing.usd_a_month else "nothing"


def _outcome(answer: dict[str, Any]) -> str:
    lines = [f"Deleted: {len(answer['deleted'])} things of {answer['stack']}."]
    lines += [f"Kept, as wished: {name}" for name in answer["kept"]]
    lines += [f"Left: the {one['kind']} {one['name']}: {one['why']}" for one in answer["left"]]
    lines += answer["others"]
    if answer["left"]:
        lines.append("What is left can be tried again by the same command.")
    return "\n".join(lines)
