"""`labelloop detect`: the images of a folder through the model, and what it found in them in files.

An image is known by its place and its content, so that the same command, run again, goes on where
it was stopped: what is in the bucket is not sent again, what is in the inference log is read.
"""

import csv
import json
import math
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError

from labelloop.aws import detections, rekognition
from labelloop.aws.failures import code_of
from labelloop.aws.rekognition import VersionStatus
from labelloop.domain.detections import DetectionRecord, Outcome, detection_id
from labelloop.domain.fitness import refusal_of_limits
from labelloop.domain.images import (
    NO_VERSION,
    ImageObject,
    has_image_signature,
    media_type,
    refusal_of_size,
)
from labelloop.domain.manifests import DETECTION_FOLDER, MAX_KEY_BYTES
from labelloop.domain.wording import one_line

from . import ceilings, costs, files, models, terminal
from .cells import as_cells
from .failures import CommandError
from .parallel import bar, in_parallel
from .stack import Stack, on_stack, show
from .status import DEAD_LETTERS, messages_in

SUFFIXES = (".jpg", ".jpeg", ".png")
FINAL = frozenset(Outcome) - {Outcome.WAITING}
PENDING = "pending"
"""The outcome of an image that is in the bucket, and not in the inference log yet."""
FAILED = "failed"
"""The outcome of an image that could not be read or sent."""
COLUMNS = (
    *("file", "key", "outcome", "label", "confidence_pct", "labels", "unsure"),
    *("reason", "version", "detection_id", "human_loop"),
)
LOOKS_WITHOUT_NEWS = 60
"""Ten minutes on AWS: a start of the model may take longer, and was told of."""
INTERRUPTED = 130


@dataclass
class Image:
    """A file that the model is to see, and what became of it."""

    path: Path
    name: str
    """The path within the folder."""
    key: str = ""
    refusal: str | None = None
    """Why the service would never take it: it is not sent."""
    failure: str | None = None
    """Why it could not be read or sent."""
    was_there: bool = False
    detection_id: str = ""
    record: DetectionRecord | None = None
    """What the inference log has about it, as far as it was read."""

    @property
    def outcome(self) -> str:
        """An outcome of the inference log, or that there is none yet."""
        if self.refusal:
            return Outcome.REJECTED
        if self.failure:
            return FAILED
        return self.record.outcome if self.record else PENDING

    def row(self) -> dict[str, Any]:
        """One row of the results."""
        told = self.record.as_json() if self.record else {}
        facts = {
            "labels": [],
            "unsure": [],
            **told,
            "file": files.printable(self.name),
            "key": self.key if self.detection_id else None,
            "outcome": self.outcome,
            "reason": self.refusal or self.failure or (self.record and self.record.reason),
            "detection_id": self.detection_id or None,
        }
        return {column: facts.get(column) for column in COLUMNS}


@dataclass
class Batch:
    """The images of a folder under the name that they have in the bucket."""

    name: str
    images: list[Image] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Files that are no images, by their content and by their names."""

    def sent(self) -> list[Image]:
        """The images that are in the bucket."""
        return [image for image in self.images if image.detection_id]

    def counts(self) -> Counter[str]:
        """How many images have which outcome."""
        return Counter(image.outcome for image in self.images)

    def unfinished(self, *, uploading_only: bool) -> bool:
        """Whether running the same command again has something to do."""
        if uploading_only:
            return any(image.failure for image in self.images)
        return any(image.outcome not in FINAL for image in self.images)


@dataclass
class Results:
    """What is written on this machine about a batch."""

    csv_file: Path
    json_file: Path
    drawings: Path | None
    drawn: int = 0
    not_drawn: list[dict[str, str]] = field(default_factory=list)

    def check(self) -> None:
        """Raise CommandError, before anything was done, where they cannot be written."""
        for path in (self.csv_file, self.json_file):
            if not os.access(path if path.exists() else path.parent, os.W_OK):
                raise CommandError(f"{path} cannot be written: name another place.")
        if self.drawings:
            _drawing()
            try:
                self.drawings.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CommandError(f"{self.drawings} cannot be made: {error.strerror}.") from error

    def write(self, batch: Batch) -> None:
        """Write the results, as far as there are any. Raises CommandError."""
        try:
            self._write_rows(batch)
        except OSError as error:
            raise CommandError(
                f"The results cannot be written: {error.strerror}. They are in the inference log: "
                "run the same command again."
            ) from error
        if self.drawings:
            self._draw(batch, self.drawings)

    def _write_rows(self, batch: Batch) -> None:
        rows = [image.row() for image in batch.images]
        with self.csv_file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            lists = ("labels", "unsure")
            writer.writerows(
                as_cells({**row, **{name: _labels_in_words(row[name]) for name in lists}})
                for row in rows
            )
        self.json_file.write_text(
            json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )

    def _draw(self, batch: Batch, folder: Path) -> None:
        draw = _drawing().draw
        labels = {
            image.name: image.record.labels
            for image in batch.images
            if image.record and image.record.labels is not None
        }
        seen = [image for image in batch.images if image.name in labels]

        def draw_one(image: Image) -> str | None:
            destination = folder / image.name
            try:
                destination.parent.mkdir(parents=True, exist_ok=True)
                draw(image.path, destination, labels[image.name])
            except (OSError, ValueError, SyntaxError) as error:
                return str(error)
            return None

        with bar(len(seen), "Drawing") as move_on, in_parallel(draw_one, seen) as done:
            for image, failure in done:
                if failure:
                    self.not_drawn.append({"file": image.name, "reason": failure})
                else:
                    self.drawn += 1
                move_on(1)


def _drawing() -> Any:
    """The module that draws. Raises CommandError without its library."""
    try:
        from . import drawing  # noqa: PLC0415 - all else works without Pillow
    except ImportError as error:
        raise CommandError(
            "--draw needs Pillow: python -m pip install pillow, for the Python that runs this."
        ) from error
    return drawing


@click.command()
@click.argument(
    "sources",
    metavar="SOURCE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
@click.option("--name", help="The batch's name in the bucket; else the folder's name.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the results as CSV; else <name>.csv.",
)
@click.option(
    "--json-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write them as JSON; else <name>.json.",
)
@click.option(
    "--draw",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for copies of the images with labels and boxes drawn.",
)
@click.option(
    "--timeout",
    "timeout_minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="Wait no longer than this; else until every image has its result.",
)
@click.option("--no-wait", is_flag=True, help="Upload only.")
@on_stack
def detect(
    stack: Stack,
    *,
    sources: tuple[Path, ...],
    name: str | None,
    csv_file: Path | None,
    json_file: Path | None,
    draw: Path | None,
    timeout_minutes: float | None,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Detect what is in images: in those of a folder, or in single files.

    They are uploaded, the results are waited for and written as CSV and JSON, one row an image. Run
    again, it goes on where it was stopped. Ends with 1 unless every image has its result.
    """
    if no_wait and (csv_file or json_file or draw or timeout_minutes):
        raise click.UsageError("--no-wait uploads only: there are no results to wait for or write.")
    batch = _find(sources, name, draw)
    results = None
    if not no_wait:
        results = Results(
            csv_file or Path(f"{batch.name}.csv"), json_file or Path(f"{batch.name}.json"), draw
        )
        results.check()
    costs.say_what_starts(stack)
    try:
        _upload(stack, batch)
        if results:
            _wait(stack, batch, timeout_minutes)
            results.write(batch)
    except KeyboardInterrupt as error:
        terminal.say(
            "Stopped. What is uploaded stays, and is detected all the same. To go on, and for the "
            "results, run the same command again.",
            err=True,
        )
        raise click.exceptions.Exit(INTERRUPTED) from error
    show(as_json, _as_json(batch, results), _text(batch, results))
    if batch.unfinished(uploading_only=no_wait):
        raise click.exceptions.Exit(1)


# --- The files ------------------------------------------------------------------------------------


def _find(sources: Sequence[Path], name: str | None, drawings: Path | None) -> Batch:
    """The images among the files. Raises CommandError where there are none."""
    paths = [source.absolute() for source in sources]
    folders = [path if path.is_dir() else path.parent for path in paths]
    root = Path(os.path.normpath(os.path.commonpath(folders)))
    alone = len(paths) == 1 and not paths[0].is_dir()
    batch = Batch(_checked_name(name or (paths[0].stem if alone else root.name)))
    found = _Found(root, drawings and drawings.resolve(), batch)
    for path in paths:
        found.take(Path(os.path.normpath(path)))
    if not batch.images:
        others = f", but {len(batch.left_out)} other files" if batch.left_out else ""
        raise CommandError(f"There are no images, PNG or JPEG, in {root}{others}.")
    return batch


def _checked_name(name: str) -> str:
    name_fits = name.isprintable() and "/" not in name and "\\" not in name
    if not name_fits or name.strip(" .") == "" or len(name.encode(errors="replace")) > 100:
        raise CommandError(
            f"{files.printable(name)!r} cannot be the name of a folder in the bucket: give one of "
            "up to 100 bytes, without slashes, with --name."
        )
    return name


class _Found:
    """Takes what there is into a batch, everything once."""

    def __init__(self, root: Path, drawings: Path | None, batch: Batch) -> None:
        if drawings == root.resolve():
            raise CommandError("--draw would write over the images: name another folder.")
        self._root = root
        self._drawings = drawings
        self._batch = batch
        self._names: set[str] = set()

    def take(self, path: Path) -> None:
        """Take a file, or a folder's files."""
        if not path.is_dir():
            self._add(path)
            return

        def note_failure(name: str, reason: str) -> None:
            self._add(path / name, reason)

        try:
            for file in files.files_in(path, note_failure):
                if not self._is_drawing(file):
                    self._add(file)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error

    def _is_drawing(self, path: Path) -> bool:
        """Whether an earlier run drew it, into a folder within that of the images."""
        within = self._drawings and self._root.resolve() in self._drawings.parents
        return bool(within and self._drawings in path.resolve().parents)

    def _add(self, path: Path, failure: str | None = None) -> None:
        name = path.relative_to(self._root).as_posix()
        if name in self._names:
            return
        self._names.add(name)
        try:
            is_image = bool(failure) or _looks_like_image(path)
        except OSError as error:
            is_image, failure = True, files.unreadable(error)
        if is_image:
            image = Image(
                path, name, f"{DETECTION_FOLDER}{self._batch.name}/{name}", failure=failure
            )
            self._batch.images.append(image)
        else:
            self._batch.left_out.append(files.printable(name))


def _looks_like_image(path: Path) -> bool:
    """Whether a file begins as images do, or somebody holds it for one: that one is told of."""
    if path.suffix.lower() in SUFFIXES:
        return True
    with path.open("rb") as content:
        return has_image_signature(content.read(8))


# --- The bucket -----------------------------------------------------------------------------------


def _upload(stack: Stack, batch: Batch) -> None:
    """Bring the images into the bucket, where they are not there."""
    folder = _BucketFolder(stack, f"{DETECTION_FOLDER}{batch.name}/")
    todo = [image for image in batch.images if not image.failure]
    with bar(len(todo), "Uploading") as move_on, in_parallel(folder.bring, todo) as brought:
        for _ in brought:
            move_on(1)


class _BucketFolder:
    """The batch's folder in the bucket, as it was found."""

    def __init__(self, stack: Stack, prefix: str) -> None:
        self._s3 = stack.client("s3")
        self._bucket = stack.output("BucketName")
        pages = self._s3.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        self._latest = {
            version["Key"]: version
            for page in pages
            for version in page.get("Versions", ())
            if version["IsLatest"]
        }

    def bring(self, image: Image) -> None:
        """Bring an image in, and note what its detection is called, or why there is none."""
        try:
            image.refusal = _refusal_of_key(image.key) or refusal_of_size(image.path.stat().st_size)
            content = b"" if image.refusal else image.path.read_bytes()
        except OSError as error:
            image.failure = files.unreadable(error)
            return
        # What else may be wrong with it, the service says itself.
        image.refusal = image.refusal or refusal_of_limits(content)
        if image.refusal:
            return
        etags = {files.digest(content), *files.part_etags(content)}
        latest = self._latest.get(image.key)
        if latest and latest["ETag"].strip('"') in etags:
            image.was_there = True
            self._note(image, content, latest)
        else:
            image.failure = files.failure_of(lambda: self._put(image, content, new=latest is None))

    def _put(self, image: Image, content: bytes, *, new: bool) -> None:
        # On condition where there was no object: an upload whose answer was lost, so that the SDK
        # tried again, would make two versions, and each is detected.
        condition = {"IfNoneMatch": "*"} if new else {}
        try:
            answer = self._s3.put_object(
                Bucket=self._bucket,
                Key=image.key,
                Body=content,
                ContentType=media_type(content),
                **condition,
            )
        except ClientError as error:
            if code_of(error) != "PreconditionFailed":
                raise
            answer = self._s3.head_object(Bucket=self._bucket, Key=image.key)
            if answer["ETag"].strip('"') != files.digest(content):
                self._put(image, content, new=False)
                return
        self._note(image, content, answer)

    def _note(self, image: Image, content: bytes, version: Mapping[str, Any]) -> None:
        version_id = version.get("VersionId")
        image.detection_id = detection_id(
            ImageObject(
                self._bucket,
                image.key,
                None if version_id == NO_VERSION else version_id,
                version["ETag"].strip('"'),
                len(content),
            )
        )


def _refusal_of_key(key: str) -> str | None:
    try:
        too_long = len(key.encode()) > MAX_KEY_BYTES
    except UnicodeEncodeError:
        return "The file's name is not UTF-8."
    return "The file's path is too long for a name in the bucket." if too_long else None


# --- The inference log ----------------------------------------------------------------------------


def _wait(stack: Stack, batch: Batch, timeout_minutes: float | None) -> None:
    """Read the images' records until all are final or the time is over."""
    log = _Log(stack, batch)
    ends_s = time.monotonic() + timeout_minutes * 60 if timeout_minutes else math.inf
    told = False
    looks_without_news = 0
    with bar(len(log.pending), "Detecting") as move_on:
        while log.pending:
            became_final = log.look()
            move_on(became_final)
            looks_without_news = 0 if became_final else looks_without_news + 1
            if not told and any(image.outcome == Outcome.WAITING for image in log.pending):
                told = True
                _say(_why_images_wait(stack))
            elif looks_without_news == LOOKS_WITHOUT_NEWS:
                _say(_what_may_hinder(stack))
            remaining_s = ends_s - time.monotonic()
            if remaining_s <= 0:
                return
            if log.pending:
                time.sleep(min(stack.look_every_s, remaining_s))


class _Log:
    """Reads the records of images that have no final one yet, and no more of them than it must."""

    def __init__(self, stack: Stack, batch: Batch) -> None:
        self._stack = stack
        self._looks = 0
        self.pending = batch.sent()

    def look(self) -> int:
        """How many images have become final."""
        # They are detected more or less in the order of their upload, so behind a hundred without
        # news there is none, most likely; in case there is, each look takes another place, too.
        hundreds = [
            self.pending[start : start + detections.LOOKED_UP_AT_ONCE]
            for start in range(0, len(self.pending), detections.LOOKED_UP_AT_ONCE)
        ]
        behind = hundreds[self._read_while_new(hundreds) :]
        self._looks += 1
        if behind:
            self._read_while_new(behind[self._looks % len(behind) :])
        before = len(self.pending)
        self.pending = [image for image in self.pending if image.outcome not in FINAL]
        return before - len(self.pending)

    def _read_while_new(self, hundreds: Sequence[Sequence[Image]]) -> int:
        """How many were read: up to the first without news."""
        for read, images in enumerate(hundreds, start=1):
            if not self._read(images):
                return read
        return len(hundreds)

    def _read(self, images: Sequence[Image]) -> bool:
        """Whether one of the images, up to a hundred, has another outcome than before."""
        by_id = {image.detection_id: image for image in images}
        news = False
        for found in detections.those(by_id):
            record = found.shown()
            image = by_id[record.detection_id]
            before, image.record = image.outcome, record
            news = news or image.outcome != before
        return news


def _why_images_wait(stack: Stack) -> str:
    version = models.serving()
    if version is None:
        reason = (
            "No model serves yet, so the images wait for the first one. To get one: bring labelled "
            "images (labelloop import), then labelloop train."
        )
    else:
        statuses = {known.name: known.status for known in rekognition.listed()}
        status = statuses.get(version, "GONE")
        if status == VersionStatus.STARTING:
            reason = f"Model {version} is starting, and the images wait until it runs."
        elif status == VersionStatus.RUNNING:
            reason = f"The images waited for model {version}, which runs now: their turn comes."
        elif tomorrow := ceilings.why_none_starts(stack):
            reason = f"Model {version} does not run, so the images wait. {tomorrow}."
        else:
            reason = (
                f"Model {version} does not run ({status}), so the images wait. To start it: "
                "labelloop start"
            )
    return f"{reason} (Ctrl-C ends this command and leaves them there.)"


def _what_may_hinder(stack: Stack) -> str:
    dead = messages_in(stack, DEAD_LETTERS["detection"])
    if dead:
        return (
            f"No image has got its result for some time, and {dead} are in the dead-letter queue: "
            "their detection failed. Why, the log of DispatchEvents says; when it is mended: "
            "labelloop redrive detection"
        )
    return "No image has got its result for some time. What may be wrong, labelloop doctor says."


def _say(words: str) -> None:
    """Say something beside the bar, which draws itself anew."""
    terminal.say(words, err=True, over=True)


# --- The results ----------------------------------------------------------------------------------


def _labels_in_words(labels: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(f"{label['name']} {label['confidence_pct']}" for label in labels)


def _as_json(batch: Batch, results: Results | None) -> dict[str, Any]:
    """For programs."""
    already_there = sum(image.was_there for image in batch.images)
    answer = {
        "name": batch.name,
        "folder": f"{DETECTION_FOLDER}{batch.name}/",
        "images": len(batch.images),
        "uploaded": len(batch.sent()) - already_there,
        "already_there": already_there,
        "outcomes": dict(sorted(batch.counts().items())),
        "left_out": batch.left_out,
    }
    if results:
        answer["csv"] = str(results.csv_file)
        answer["json_file"] = str(results.json_file)
        answer["drawn"] = results.drawn
        answer["not_drawn"] = results.not_drawn
    return answer


def _text(batch: Batch, results: Results | None) -> str:
    """For people."""
    answer = _as_json(batch, results)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in answer["outcomes"].items())
    lines = [
        f"Images: {answer['images']}. Uploaded: {answer['uploaded']}, there already: "
        f"{answer['already_there']}, to {answer['folder']}"
    ]
    if batch.left_out:
        lines.append(f"Left out, since they are no PNG or JPEG: {len(batch.left_out)}")
    failures = [image for image in batch.images if image.failure]
    if failures:
        first = failures[0]
        lines.append(
            f"Failed: {len(failures)}, the first of them {one_line(first.name)}: "
            f"{first.failure} When they can be read and sent, run the same command again."
        )
    if results is None:
        lines.append("They are detected now. For the results: the same command without --no-wait")
        return "\n".join(lines)
    lines.append(f"Outcomes: {counts}")
    lines.append(f"Results: {results.csv_file}, {results.json_file}")
    if results.drawings:
        lines.append(f"Drawn: {results.drawn} images, in {results.drawings}")
    if results.not_drawn:
        left = results.not_drawn[0]
        lines.append(
            f"Not drawn: {len(results.not_drawn)}, the first of them {one_line(left['file'])}: "
            f"{left['reason']}"
        )
    if batch.counts()[Outcome.WAITING] or batch.counts()[PENDING]:
        lines.append(
            "Some have no result yet. To wait for them, run the same command again; what hinders "
            "them, labelloop status says."
        )
    return "\n".join(lines)
