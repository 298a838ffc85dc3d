"""`labelloop forget`: an image, or a person's name, is erased wherever it is."""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from labelloop import clock
from labelloop.aws import deployed_version, erasures, objects, rekognition
from labelloop.domain import forgetting_work
from labelloop.domain.forgetting import Images
from labelloop.domain.forgetting_work import Work
from labelloop.domain.wording import one_line
from labelloop.services.forgetting import erasing, find_images, find_person

from . import terminal
from .hosting import confirm
from .progress import Progress
from .reviewers import group_name, is_others_pool
from .stack import Stack, caller, deployment_parameter, on_stack, physical_id, show
from .status import DEAD_LETTERS

_GROUPS = ("reviewers", "operators")


@click.command()
@click.argument("images", metavar="[IMAGE]...", nargs=-1)
@click.option(
    "--from",
    "list_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file that names images, one a line; names with line breaks as JSON has them.",
)
@click.option(
    "--like",
    "pictures",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="An image on this computer: it is forgotten under whatever name it came.",
)
@click.option("--only-this-key", is_flag=True, help="Not the same picture under other names.")
@click.option("--person", metavar="EMAIL", help="Somebody's name, in place of images; or their id.")
@click.option("--delete-versions", is_flag=True, help="Delete the models that learnt from it, too.")
@click.option(
    "--delete-serving",
    is_flag=True,
    help="With --delete-versions: also the one that serves. None does then.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--list", "past", is_flag=True, help="Show what was forgotten before, in numbers.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@on_stack
def forget(
    stack: Stack,
    *,
    images: tuple[str, ...],
    list_file: Path | None,
    pictures: tuple[Path, ...],
    only_this_key: bool,
    person: str | None,
    delete_versions: bool,
    delete_serving: bool,
    dry_run: bool,
    past: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Erase images wherever they are, or a person's name.

    An IMAGE is a key, s3://BUCKET/KEY, the id of a detection, or that of a content as
    manifests/splits has it. All versions of it go, with its copies, the same picture under other
    names, and all that names it. A person is called by a pseudonym from then on, which is always
    the same, so that what they answered still counts.

    What was begun and broke off is ended first. The same again finds what was written meanwhile.
    """
    if past:
        _show_past(as_json)
        return
    given = [*images, *_listed(list_file), *map(_content_of, pictures)]
    if person is not None and given:
        raise click.UsageError("Forget images, or a person: not both at once.")
    begun = list(erasing.begun())
    if not (given or person or begun):
        raise click.UsageError("Name an image, or a person with --person.")
    works = begun
    progress = Progress()
    if given or person:
        work = _empty(stack)
        if person is not None:
            work = find_person.find(work, person, say=progress.say)
        else:
            erasing.check_nothing_trains()
            work = find_images.find(work, given, only_these=only_this_key, say=progress.say)
        works = [*begun, work]
    progress.end()
    for one in works:
        one.delete = one.delete or _versions_to_delete(one, delete_versions, delete_serving)
    found = [one for one in works if not one.is_empty]
    for one in found:
        terminal.say(_in_words(one, is_begun=one in begun), err=True)
    if found and not dry_run:
        _do(stack, found, begun, progress, yes=yes)
    done = not dry_run
    stays = _what_stays(stack, found)
    told = {
        "forgotten": [{**one.counts(), "versions": one.trained} for one in found],
        "done": done,
        "stays": stays,
        "what": [one.as_json() for one in found] if dry_run else [],
    }
    show(as_json, told, _answer(found, done, stays))


def _listed(file: Path | None) -> list[str]:
    lines = file.read_text(encoding="utf-8").split("\n") if file else []
    return [_unquoted(line.removesuffix("\r")) for line in lines if line.strip()]


def _unquoted(line: str) -> str:
    if not line.startswith('"'):
        return line
    try:
        return str(json.loads(line))
    except ValueError:
        return line


def _content_of(picture: Path) -> str:
    return find_images.content_of(picture.read_bytes())


def _empty(stack: Stack) -> Work:
    now = clock.iso(clock.now())
    name = f"{now}-{secrets.token_hex(4)}"
    return Work(name, now, caller(stack), Images(objects.bucket()))


def _versions_to_delete(work: Work, delete: bool, delete_serving: bool) -> list[str]:
    if not (delete and work.trained):
        return []
    serving = deployed_version.now()
    kept = serving.version if serving and not delete_serving else None
    there = {version.name for version in rekognition.listed()}
    return [name for name in work.trained if name in there and name != kept]


def _do(
    stack: Stack, works: Sequence[Work], begun: Sequence[Work], progress: Progress, *, yes: bool
) -> None:
    if not yes:
        confirm((), "Erase all of this? Nobody can bring it back.")
    for work in works:
        if work not in begun:
            erasing.write_down(work)
    for work in works:
        erasing.erase(work, _queues(stack), _groups(stack), progress.say)
    progress.end()


def _queues(stack: Stack) -> list[str]:
    outputs = ("DetectionQueueUrl", *DEAD_LETTERS.values())
    urls = [stack.outputs[name] for name in outputs if name in stack.outputs]
    answers = physical_id(stack, "AnswersQueue")
    return [*urls, answers] if answers else urls


def _groups(stack: Stack) -> list[str]:
    """Those of a user pool that is not the stack's own."""
    if not is_others_pool(stack):
        return []
    return [group_name(stack, group) for group in _GROUPS]


def _what_stays(stack: Stack, found: Sequence[Work]) -> list[str]:
    if not found:
        return []
    log_days = int(deployment_parameter(stack, "LogRetentionDays") or 0)
    with_a2i = deployment_parameter(stack, "ReviewBackend") == "a2i"
    return forgetting_work.what_stays(found, clock.now(), log_days, with_a2i=with_a2i)


_KINDS = {
    "people": ("user of the pool", "users of the pool"),
    "images": ("image", "images"),
    "files": ("file about it alone", "files about it alone"),
    "texts": ("file that names it", "files that name it"),
    "tasks": ("review task", "review tasks"),
    "records": ("record of the log", "records of the log"),
    "items": ("note of the system", "notes of the system"),
    "datasets": ("dataset", "datasets"),
}


def _counted(counts: Mapping[str, int]) -> str:
    told = [f"{count} {_KINDS[what][count != 1]}" for what, count in counts.items() if count]
    return ", ".join(told)


def _in_words(work: Work, *, is_begun: bool) -> str:
    begun = f"Begun {work.began}, and not ended" if is_begun else "To erase"
    lines = [f"{begun}: {_counted(work.counts())}."]
    images = sorted({*work.images, *(key for key, _ in work.versions)})
    for names in (images, work.files, work.texts):
        lines += [f"  {one_line(name)}" for name in names[: terminal.SHOWN]]
        if len(names) > terminal.SHOWN:
            lines.append(f"  and {len(names) - terminal.SHOWN} more: --dry-run --json names all")
    if work.trained:
        lines.append(f"Trained or tested with it: {', '.join(work.trained)}.")
    if work.delete:
        lines.append(f"Of these, to be deleted: {', '.join(work.delete)}.")
    return "\n".join(lines)


def _answer(works: Sequence[Work], done: bool, stays: Iterable[str]) -> str:
    if not works:
        return "Nothing names it."
    first = "It is forgotten." if done else "Nothing was erased."
    return "\n".join(
        [first, "What stays, for a while or for good:", *(f"- {one}" for one in stays)]
    )


def _show_past(as_json: bool) -> None:
    past = erasures.noted()
    lines = [f"{one['began']}  {_counted(one['counts'])}  by {one['by']}" for one in past]
    show(as_json, past, "\n".join(lines) or "Nothing was forgotten yet.")
