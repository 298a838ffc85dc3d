"""The system's own texts in the bucket: which name what is forgotten, and they without it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby, islice
from operator import attrgetter

from labelloop import clock
from labelloop.aws import object_versions, objects
from labelloop.aws.object_versions import ObjectVersion
from labelloop.domain.forgetting import TEXT_FOLDERS, Forgotten, Images, Rewriting, may_name
from labelloop.domain.version_files import TRAINING_FOLDER
from labelloop.errors import ChangedMeanwhileError, NotFoundError

_PARALLEL = 8
_TRIES = 8
_BETWEEN_TRIES_S = 0.05


def naming(what: Forgotten, say: Callable[[str], None]) -> tuple[list[str], list[str]]:
    """The keys of objects about one image alone, and of those that name what is forgotten, in any
    of their versions.
    """
    files, texts = [], []
    with ThreadPoolExecutor(_PARALLEL) as threads:
        for folder in TEXT_FOLDERS:
            say(f"reading {folder}")
            groups = _grouped(folder)
            while part := list(islice(groups, 2 * _PARALLEL)):
                names = threads.map(lambda group: _names(what, group[1]), part)
                for (key, _), named in zip(part, names, strict=True):
                    if isinstance(what, Images) and what.is_at(key):
                        files.append(key)
                    elif named:
                        texts.append(key)
    return files, texts


def _grouped(folder: str) -> Iterator[tuple[str, list[ObjectVersion]]]:
    for key, found in groupby(object_versions.under(folder), key=attrgetter("key")):
        if may_name(key):
            yield key, list(found)


def _names(what: Forgotten, versions: list[ObjectVersion]) -> bool:
    for version in versions:
        if not version.is_marker:
            rewriting = Rewriting(what)
            # As soon as one line tells, the others need not be read.
            if any(rewriting.changed for _ in _left(rewriting, version)) or rewriting.changed:
                return True
    return False


def _left(rewriting: Rewriting, version: ObjectVersion) -> Iterator[bytes]:
    """What is left of a version; nothing where it is gone by now."""
    try:
        yield from rewriting.of(object_versions.lines(version), version.size_bytes)
    except NotFoundError:
        return


def under(prefix: str) -> list[str]:
    """The keys that begin so, of deleted objects too."""
    return sorted({version.key for version in object_versions.under(prefix)})


def rewrite(what: Forgotten, key: str) -> None:
    """Let no version of a text name what is forgotten.

    The latest is written anew without it, those before that name it go. What is about nothing else
    goes whole.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            _rewrite(what, key)
            return
        except ChangedMeanwhileError:
            if attempt == _TRIES:
                raise
            clock.pause(_BETWEEN_TRIES_S * attempt)


def _rewrite(what: Forgotten, key: str) -> None:
    found = object_versions.of(key)
    naming = []
    for version in found:
        if version.is_marker:
            continue
        rewriting = Rewriting(what)
        if version.is_latest:
            left = _left(rewriting, version)
            object_versions.rewrite(version, left, partial(_stays, rewriting, key))
        else:
            for _ in _left(rewriting, version):
                pass
        if rewriting.changed:
            naming.append(version)
            if version.is_latest and not _stays(rewriting, key):
                objects.delete(key)
    # In the order of writing, so that none of them counts again meanwhile.
    object_versions.erase(reversed(naming))
    _clear(key)


def _stays(rewriting: Rewriting, key: str) -> bool:
    """Whether something new is to lie there. A version's own files stay, though they are empty."""
    return rewriting.changed and (not rewriting.empty or key.startswith(TRAINING_FOLDER))


def _clear(key: str) -> None:
    """Take away delete markers under which nothing is left."""
    found = object_versions.of(key)
    if all(version.is_marker for version in found):
        object_versions.erase(found)


def erase(key: str) -> int:
    """Take all versions of an object away for good, and its delete markers; how many there were."""
    return object_versions.erase(reversed(object_versions.of(key)))


def erase_versions(key: str, version_ids: set[str]) -> None:
    """Take some versions of an object away for good; what counted before does not count again."""
    found = object_versions.of(key)
    gone = [version for version in found if version.version_id in version_ids]
    if gone and gone[0].is_latest:
        objects.delete(key)
    object_versions.erase(reversed(gone))
    _clear(key)
