"""`labelloop import`: labelled images and manifests that there are already."""

import contextlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from labelloop.domain.annotations import ModelType
from labelloop.domain.manifests import LABELLED_FOLDER
from labelloop.domain.wording import one_line

from .. import costs, terminal
from ..failures import INTERRUPTED, CommandError
from ..hosting import confirm
from ..stack import Stack, model_type, on_stack, show
from . import from_dataset, from_folder, from_manifest, manifest_sources, planned_images
from .data_set_outcome import DataSetImport
from .from_dataset import NONES
from .from_folder import FolderImport
from .given_tests import GivenTests, Splits
from .manifest_images import ManifestImport
from .planned_images import Boxes


@click.command(name="import")
@click.argument("source", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--label", help="What all images in the folder show.")
@click.option("--dataset-arn", help="Take what a dataset, or a version, of Rekognition holds.")
@click.option("--crop", is_flag=True, help="For labels of images: each box becomes an image.")
@click.option("--largest", is_flag=True, help="For labels of images: that of the largest box.")
@click.option("--resplit", is_flag=True, help="Divide all of it anew, whatever its own test set.")
@click.option("--as", "as_split", type=click.Choice(["test"]), help="All of it is for testing.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@on_stack
def import_(
    stack: Stack,
    *,
    source: Path | None,
    label: str | None,
    dataset_arn: str | None,
    crop: bool,
    largest: bool,
    resplit: bool,
    as_split: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take labelled images in: from SOURCE, or from a dataset.

    SOURCE is a folder with one folder for each label, a data set (COCO, YOLO, Pascal VOC, CSV,
    Label Studio's JSON, the output of a labelling job) or its file of annotations, or a manifest: a
    file of JSON Lines as Ground Truth and Custom Labels write it. It is said what it is before
    anything is uploaded. What is there already is passed over, so the same import can be run again,
    as after an interruption.
    """
    if (source is None) == (dataset_arn is None):
        raise click.UsageError("Name either a folder or a file, or give --dataset-arn.")
    if label is not None and (source is None or not source.is_dir()):
        raise click.UsageError("--label is for a folder of images.")
    if (crop and largest) or (resplit and as_split):
        raise click.UsageError("Give --crop or --largest, and --resplit or --as, not both.")
    boxes = Boxes.CROP if crop else Boxes.LARGEST if largest else Boxes.REFUSED
    splits = Splits.NONE if resplit else Splits.TEST if as_split else Splits.OWN
    wanted = _Wanted(stack, label, boxes, splits, dry_run, yes, as_json)
    try:
        complete = (
            wanted.import_source(source)
            if source is not None
            else wanted.import_manifests(manifest_sources.from_dataset(stack, dataset_arn or ""))
        )
    except KeyboardInterrupt as error:
        terminal.say("Stopped. To go on, run the same command again.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from error
    if not complete:
        raise click.exceptions.Exit(1)


@dataclass(frozen=True)
class _Wanted:
    """What was asked for. Each import tells whether all of it is where a training finds it."""

    stack: Stack
    label: str | None
    boxes: Boxes
    splits: Splits
    dry_run: bool
    yes: bool
    as_json: bool

    def import_source(self, source: Path) -> bool:
        """Import whatever it is."""
        if self.label is not None:
            return self._import_folder(source)
        failed: list[dict[str, str]] = []
        kind = model_type(self.stack)
        root, found = from_dataset.recognised(
            source, kind, lambda name, reason: failed.append({"file": name, "reason": reason})
        )
        if found is None:
            return self._import_folder(source)
        if found.in_s3:
            return self.import_manifests(manifest_sources.from_file(root / found.files[0]))
        outcome = DataSetImport(found.format, self.dry_run, failed=failed)
        planned = planned_images.plan(found.data_set(), kind, self.boxes, self.splits, outcome)
        name = source.resolve().name
        from_dataset.run(self.stack, root, name, planned, outcome, agree=self._agree)
        show(self.as_json, outcome.as_json(), _data_set_text(outcome))
        return not outcome.failed and not outcome.is_in_vain

    def _import_folder(self, folder: Path) -> bool:
        self._check_labels_alone("Folders have labels")
        if model_type(self.stack) is ModelType.DETECTION:
            raise CommandError(
                f"The stack {self.stack.name} trains a detection model, which learns from bounding "
                "boxes, not from folders: import a data set with boxes, or a manifest."
            )
        outcome = from_folder.run(
            self.stack, folder, self.label, self.splits, self._agree, dry_run=self.dry_run
        )
        show(self.as_json, outcome.as_json(), _folder_text(outcome))
        return not outcome.failed and not outcome.is_in_vain

    def import_manifests(
        self, opened: contextlib.AbstractContextManager[list[manifest_sources.Manifest]]
    ) -> bool:
        """Import manifests whose images are in S3."""
        self._check_labels_alone("Images in S3 stay as they are")
        with opened as manifests:
            kind, dry_run = model_type(self.stack), self.dry_run
            outcomes = from_manifest.run(
                self.stack, manifests, kind, self.splits, self._agree, dry_run=dry_run
            )
        answer = {"dry_run": dry_run, "manifests": [outcome.as_json() for outcome in outcomes]}
        show(self.as_json, answer, "\n".join(_manifest_text(one, dry_run) for one in outcomes))
        return not any(outcome.missing for outcome in outcomes)

    def _check_labels_alone(self, why: str) -> None:
        if self.boxes is not Boxes.REFUSED:
            raise click.UsageError(f"{why}: --{self.boxes} is for a data set with boxes.")

    def _agree(self, what_it_is: str) -> None:
        """Say what is to be imported, and ask whoever sits at a terminal."""
        terminal.say(what_it_is, err=True)
        if not self.yes and not self.dry_run and costs.can_ask():
            confirm((), "Import it?")


# --- In words -------------------------------------------------------------------------------------


def _folder_text(outcome: FolderImport) -> str:
    taken = "Would take" if outcome.dry_run else "Taken"
    lines = [
        f"{taken}: {_images(outcome.taken)}. Already there: {_images(outcome.already_there)}. "
        f"Copies of these: {len(outcome.copies)}. Left out: {len(outcome.left_out)}. "
        f"Failed: {len(outcome.failed)}."
    ]
    lines += _tests_text(outcome.tests)
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


def _data_set_text(outcome: DataSetImport) -> str:
    taken = "Would take" if outcome.dry_run else "Taken"
    labels = ", ".join(f"{label} {count}" for label, count in sorted(outcome.labels.items()))
    lines = [
        f"{taken}: {outcome.taken} images. Already there: {outcome.already_there}. Labels: "
        f"{labels or 'none'}. Copies of these: {len(outcome.copies)}. Without a label: "
        f"{outcome.unlabelled}. Left out: {len(outcome.left_out)}. Failed: {len(outcome.failed)}."
    ]
    if outcome.outlines:
        lines.append(f"Outlines: {outcome.outlines}, each taken as the box around it.")
    lines += _tests_text(outcome.tests)
    lines += _listed("Left out", [(left["file"], left["reason"]) for left in outcome.left_out])
    lines += _listed(
        "The same picture twice, taken once",
        [(copy["file"], f"as {copy['same_as']}") for copy in outcome.copies],
    )
    lines += _listed("Failed", [(failed["file"], failed["reason"]) for failed in outcome.failed])
    if outcome.failed:
        lines += ["", "When these can be read and sent, run the same command again."]
    elif outcome.taken and not outcome.dry_run:
        place = outcome.manifest or NONES
        lines += ["", f"They are in {place}. To train on them now: labelloop train"]
    return "\n".join(lines)


def _tests_text(tests: GivenTests | None) -> list[str]:
    if tests is None:
        return []
    told = [f"Test images of its own: {tests.given}; {tests.already} more test already."]
    told += _listed(
        "Are to test, and train already; they go on training",
        [(name, "versions have learnt from it") for name in tests.trained],
    )
    return told


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
    lines += _tests_text(outcome.tests)
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
        *(f"  {one_line(name)}: {reason}" for name, reason in named[: terminal.SHOWN]),
    ]
    if count > terminal.SHOWN:
        lines += [f"  and {count - terminal.SHOWN} more, of which --json tells"]
    return lines
