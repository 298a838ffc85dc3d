"""Folders of labels on this machine, and which label and name each of their files has."""

from dataclasses import dataclass
from pathlib import Path, PurePath

from labelloop.domain import labels, layouts
from labelloop.domain.images import has_image_signature
from labelloop.errors import InvalidRequestError

from .. import files
from ..failures import CommandError
from ..files import NoteFailure

_SURELY_MANIFESTS = (".manifest", ".jsonl")

_ANNOTATIONS = (*_SURELY_MANIFESTS, ".json", ".xml", ".csv", ".tsv", ".yaml", ".yml")

Homes = dict[tuple[str, ...], str]


@dataclass(frozen=True)
class LocalFile:
    """A file that may become an image of a label."""

    path: Path
    name: str
    """The path within the imported folder."""
    label: str | None
    """None where the file is in no label's folder."""
    rest: str = ""
    """The path within the label's folder."""
    split: str = ""
    """The part of a data set that it is in."""


def files_of_labels(
    folder: Path,
    label: str | None,
    note_failure: NoteFailure,
    command: str,
    *,
    with_parts: bool = False,
) -> list[LocalFile]:
    """The files of a folder that has a folder for each label, or shows one label alone.

    ``with_parts`` takes it with the parts of a data set, too, as train and test. What cannot be
    read is noted. Raises CommandError where there is nothing to take; it says how to
    call the command.
    """
    failed: list[str] = []

    def note(name: str, reason: str) -> None:
        failed.append(name)
        note_failure(name, reason)

    if label is not None:
        try:
            label = labels.check_folder(label)
        except InvalidRequestError as error:
            raise CommandError(f"{label!r} cannot be a label. {error}") from error
    try:
        paths = list(files.files_in(folder, note))
    except OSError as error:
        raise CommandError(f"{folder} cannot be read: {error.strerror}.") from error
    homes: Homes = {(): ""}
    if label is None and with_parts:
        images = (path.relative_to(folder).parts for path in paths if _begins_as_image(path))
        homes = layouts.homes(images) or {}
    found = [_labelled(folder, path, label, homes or {(): ""}) for path in paths]
    if not found and not failed:
        raise CommandError(f"There are no files in {folder}.")
    manifests = [path for path in paths if path.suffix.lower() in _SURELY_MANIFESTS]
    if manifests and not any(map(_begins_as_image, paths)):
        raise CommandError(
            f"There are no images in {folder}, but there is a manifest, which names some. Take "
            f"that: labelloop {command} {manifests[0]}"
        )
    inner = {file.label for file in found if file.label is not None}
    if found and not inner:
        raise CommandError(
            f"{folder} has no folder for each label. If all of its images show the same, say what: "
            f"labelloop {command} {folder} --label NAME"
        )
    if not homes or (label is None and not with_parts):
        _check_layout(folder, [path.relative_to(folder) for path in paths], command)
    return found


def check_alone(folder: Path, found: list[LocalFile], command: str) -> None:
    """Raise CommandError where something beside one folder alone may say what its images show."""
    annotations = [file.name for file in found if file.path.suffix.lower() in _ANNOTATIONS]
    if not annotations:
        return
    labels = {file.label for file in found if file.label and _begins_as_image(file.path)}
    if len(labels) == 1:
        (label,) = labels
        raise CommandError(
            f"All images in {folder} are in one folder, {label}, and {annotations[0]} may say what "
            "they show, but is nothing that is known, or cannot be read to its end. If all of them "
            f"show the same, say what: labelloop {command} {folder} --label {label}"
        )


def _check_layout(folder: Path, names: list[Path], command: str) -> None:
    """Raise CommandError where the folders with images are those of a data set, not of labels."""
    images = (name.parts for name in names if _begins_as_image(folder / name))
    parts = layouts.parts(images, whole=True)
    for part in parts.values():
        if part.way:
            folder, parts = folder.joinpath(*part.way), dict.fromkeys(part.within, part)
            if not any(map(layouts.is_part, part.within)):
                raise CommandError(
                    f"All images are in {folder}, which has further folders "
                    f"({', '.join(sorted(part.within))}). If those are the labels: labelloop "
                    f"{command} {folder}. If all of them show the same, say what: labelloop "
                    f"{command} {folder} --label NAME"
                )
            break
    if not parts:
        return
    named = f"{folder} ({', '.join(sorted(parts))})"
    have_labels = [not all(map(layouts.is_part, part.within)) for part in parts.values()]
    if all(map(layouts.is_split, parts)) or all(have_labels):
        raise CommandError(
            f"The folders in {named} are named as the parts of a data set, not as labels. Take "
            f"them one by one: labelloop {command} {folder / min(parts)}"
        )
    raise CommandError(
        f"{named} looks like a data set with boxes, not like folders of labels, and nothing that "
        "is known says what its images show: COCO's JSON, YOLO's data.yaml or classes.txt, VOC's "
        "XML, a CSV file. Bring it with such a file, or as a manifest."
    )


def _begins_as_image(path: Path) -> bool:
    try:
        with path.open("rb") as content:
            return has_image_signature(content.read(8))
    except OSError:
        return False


def _labelled(folder: Path, path: Path, label: str | None, homes: Homes) -> LocalFile:
    inside = path.relative_to(folder)
    if label is not None:
        return LocalFile(path, str(inside), *place_of(inside, label))
    for home, split in homes.items():
        if inside.parts[: len(home)] == home:
            within = PurePath(*inside.parts[len(home) :])
            return LocalFile(path, str(inside), *place_of(within, None), split)
    return LocalFile(path, str(inside), None)


def place_of(inside: PurePath, label: str | None) -> tuple[str | None, str]:
    """The label of a file in the folder, None where it has none, and its name in the label's."""
    if label is not None:
        return label, inside.as_posix()
    if len(inside.parts) == 1:
        return None, ""
    return labels.composed(inside.parts[0]), "/".join(inside.parts[1:])


def refusal_of_place(file: LocalFile) -> str | None:
    """Why a file cannot be an image of a label by where it lies; None where it can."""
    if file.label is None:
        return "The file is in no label's folder."
    try:
        labels.check_folder(file.label)
        file.rest.encode()
    except InvalidRequestError as error:
        return f"Its folder cannot be a label. {error}"
    except UnicodeEncodeError:
        return "The file's name is not UTF-8."
    return None
