"""`labelloop import`: labelled images and manifests that there are already."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click

from labelloop.domain.annotations import ModelType
from labelloop.domain.manifests import LABELLED_FOLDER
from labelloop.domain.wording import one_line

from . import folder_import, manifest_import, manifest_sources, terminal
from .failures import CommandError
from .folder_import import FolderImport
from .manifest_images import ManifestImport
from .manifest_import import SHOWN
from .stack import Stack, model_type, on_stack, show

INTERRUPTED = 130


@click.command(name="import")
@click.argument("source", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--label", help="What all images in the folder show.")
@click.option("--dataset-arn", help="Take what a dataset, or a version, of Rekognition holds.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@on_stack
def import_(
    stack: Stack,
    *,
    source: Path | None,
    label: str | None,
    dataset_arn: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take labelled images in: from SOURCE, or from a dataset.

    SOURCE is a folder with one folder for each label, or a manifest: a file of JSON Lines as Ground
    Truth and Custom Labels write it. What is there already is passed over, so the same import can
    be run again, as after an interruption.
    """
    if (source is None) == (dataset_arn is None):
        raise click.UsageError("Name either a folder or a manifest, or give --dataset-arn.")
    if label is not None and (source is None or not source.is_dir()):
        raise click.UsageError("--label is for a folder of images.")
    try:
        if source is not None and source.is_dir():
            complete = _import_folder(stack, source, label, dry_run, as_json)
        else:
            complete = _import_manifests(stack, source, dataset_arn or "", dry_run, as_json)
    except KeyboardInterrupt as error:
        terminal.say("Stopped. To go on, run the same command again.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from error
    if not complete:
        raise click.exceptions.Exit(1)


def _import_folder(
    stack: Stack, folder: Path, label: str | None, dry_run: bool, as_json: bool
) -> bool:
    """Whether every upload succeeded."""
    if model_type(stack) is ModelType.DETECTION:
        raise CommandError(
            f"The stack {stack.name} trains a detection model, which learns from bounding boxes, "
            "not from folders: import a manifest."
        )
    outcome = folder_import.run(stack, folder, label, dry_run=dry_run)
    show(as_json, outcome.as_json(), _folder_text(outcome))
    return not outcome.failed and not outcome.is_in_vain


def _import_manifests(
    stack: Stack, path: Path | None, arn: str, dry_run: bool, as_json: bool
) -> bool:
    """Whether every image is where a training finds it."""
    opened = manifest_sources.from_file(path) if path else manifest_sources.from_dataset(stack, arn)
    with opened as manifests:
        outcomes = manifest_import.run(stack, manifests, model_type(stack), dry_run=dry_run)
    answer = {"dry_run": dry_run, "manifests": [outcome.as_json() for outcome in outcomes]}
    show(as_json, answer, "\n".join(_manifest_text(outcome, dry_run) for outcome in outcomes))
    return not any(outcome.missing for outcome in outcomes)


# --- In words -------------------------------------------------------------------------------------


def _folder_text(outcome: FolderImport) -> str:
    taken = "Would take" if outcome.dry_run else "Taken"
    lines = [
        f"{taken}: {_images(outcome.taken)}. Already there: {_images(outcome.already_there)}. "
        f"Copies of these: {len(outcome.copies)}. Left out: {len(outcome.left_out)}. "
        f"Failed: {len(outcome.failed)}."
    ]
    lines += _listed("Left out", [(left["file"], left["reason"]) for left in outcome.left_out])
    lines += _listed(
        "The same picture twice, taken once",
        [(copy["file"], f"as {copy['same_as']}") for copy in outcome.copies],
    )
    lines += _listed(
        "The same picture under different labels",
        [(again["file"], f"as {again['same_as']}") for again in outcome.under_several_labels],
    )
    lines += _listed("Failed", [(failed["file"], failed["reason"]) for failed in outcome.failed])
    if outcome.failed:
        lines += ["", "When these can be read and sent, run the same command again."]
    elif outcome.taken and not outcome.dry_run:
        lines += ["", f"They are in {LABELLED_FOLDER}. To train on them now: labelloop train"]
    return "\n".join(lines)


def _images(counted: Counter[str]) -> str:
    labels = ", ".join(f"{label} {count}" for label, count in sorted(counted.items()) if count)
    count = counted.total()
    return f"{count} image{'' if count == 1 else 's'}{f' ({labels})' if labels else ''}"


def _manifest_text(outcome: ManifestImport, dry_run: bool) -> str:
    copied = "to copy" if dry_run else "copied"
    where = "was there already, as" if outcome.was_there else "is now"
    if dry_run and not outcome.was_there:
        where = "would be"
    lines = [
        f"{outcome.file} {where} {outcome.key}. Lines: {outcome.lines}, {outcome.bad_lines} of "
        f"them bad, {outcome.ignored_lines} without a label. Images: {outcome.images}; "
        f"{outcome.already_there} in place, {outcome.copied} {copied}, {len(outcome.missing)} "
        "missing."
    ]
    lines += _listed(
        "Bad lines, which are passed over",
        [(f"line {bad['line']}", bad["reason"]) for bad in outcome.bad_examples],
        outcome.bad_lines,
    )
    lines += _listed(
        "Lines without anything to learn, which are passed over",
        [(f"line {one['line']}", one["reason"]) for one in outcome.ignored_examples],
        outcome.ignored_lines,
    )
    lines += _listed(
        "Left out of lines that are used",
        [(f"line {one['line']}", one["reason"]) for one in outcome.in_part_examples],
        outcome.lines_in_part,
    )
    lines += _listed(
        "Missing images, whose lines are passed over",
        [(missing["image"], missing["reason"]) for missing in outcome.missing],
    )
    if outcome.missing and not dry_run:
        again = "When they can be read, run the same command again: it copies what is missing."
        lines += ["", again]
    return "\n".join(lines)


def _listed(
    heading: str, entries: Iterable[tuple[str, str]], count: int | None = None
) -> list[str]:
    named = list(entries)
    count = len(named) if count is None else count
    if not count:
        return []
    lines = [
        "",
        f"{heading}:",
        *(f"  {one_line(name)}: {reason}" for name, reason in named[:SHOWN]),
    ]
    if count > SHOWN:
        lines += [f"  and {count - SHOWN} more, of which --json tells"]
    return lines
