"""The work of forgetting, written down and done.

Everything may have been done before: whoever comes after a break goes on from the beginning. What
the work is stands in the bucket until it is done, so that it does not matter what goes first.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from labelloop import clock
from labelloop.aws import (
    deployed_version,
    detections,
    erasures,
    executions,
    forgotten_detections,
    model_versions,
    objects,
    queues,
    rekognition,
    rekognition_datasets,
    review_tasks,
    training_lock,
    user_pools,
    whole_tables,
)
from labelloop.aws.rekognition import VersionStatus
from labelloop.aws.whole_tables import Item
from labelloop.domain import archive
from labelloop.domain.forgetting import (
    FORGETTING_FOLDER,
    GONE,
    Images,
    Person,
    left_of_item,
)
from labelloop.domain.forgetting_work import Work
from labelloop.domain.model_versions import VersionRecord
from labelloop.domain.review_tasks import REVIEWER
from labelloop.errors import (
    BusyError,
    ChangedMeanwhileError,
    NotFoundError,
    TrainingInProgressError,
)
from labelloop.services.forgetting import texts
from labelloop.settings import Variable

_TRIES = 8
_BETWEEN_TRIES_S = 0.05
_BETWEEN_LOOKS_S = 10
_BETWEEN_ARCHIVED_S = 1

Say = Callable[[str], None]


def check_nothing_trains() -> None:
    """Raise TrainingInProgressError while a training or deployment goes on: it would write again
    what it has read.
    """
    held = training_lock.read()
    if held is not None and executions.status(held.owner) == "RUNNING":
        raise TrainingInProgressError(
            "A training or deployment goes on, and writes of the images that it has read. Come "
            "again when it has ended. To see how far it is: labelloop status"
        )


def write_down(work: Work) -> None:
    """Let the work be gone on with after a break, from now on."""
    objects.write_json(work.key, work.as_json())


def begun() -> Iterator[Work]:
    """What was written down and is not done yet, the oldest first."""
    for entry in objects.listing(FORGETTING_FOLDER):
        yield Work.from_json(json.loads(objects.read(entry.key)))


def erase(
    work: Work, queue_urls: Iterable[str], groups: Sequence[str], say: Say = lambda _: None
) -> None:
    """Do what was written down; then note that it was done, and forget what it was.

    ``queue_urls`` are the queues whose messages may name it. A person is taken out of ``groups`` of
    a user pool that is not the stack's own, and deleted from it where there are none.
    """
    if isinstance(work.what, Images):
        _erase_images(work, work.what, queue_urls, say)
    else:
        _erase_person(work, work.what, groups, say)
    noted = {"by": work.by, "finished": clock.iso(clock.now()), "counts": work.counts()}
    erasures.note(work.name, {**noted, "began": work.began, "versions": work.trained})
    texts.erase(work.key)


# --- Images ---------------------------------------------------------------------------------------


def _erase_images(work: Work, images: Images, queue_urls: Iterable[str], say: Say) -> None:
    # First what could bring it back: what people may still answer, and what is on its way.
    # A detection that is under way has no record yet.
    detected = sorted({*work.records, *images.detections})
    forgotten_detections.note(_told(detected, "marks in the log", say))
    noted = clock.now()
    for task in _told(work.tasks, "review tasks", say):
        review_tasks.forget(task)
    for url in _told(list(queue_urls), "queues", say):
        queues.take_out(url, images.is_mentioned_in)
    _erase_objects(work, say)
    check_nothing_trains()
    for key in _told(work.texts, "files that name it", say):
        texts.rewrite(images, key)
    for arn in _told(work.datasets, "datasets", say):
        _delete_dataset(arn)
    for key in _told(work.items, "items that name it", say):
        _change(Variable.MODEL_VERSIONS_TABLE, key, partial(left_of_item, images))
    for version in _told(work.delete, "versions", say):
        _delete_version(version)
    for detection in _told(work.records, "records", say):
        detections.forget(detection)
    if work.records:
        erase_archived(images, work.days, noted, say)


def _erase_objects(work: Work, say: Say) -> None:
    for key in _told(work.images, "images", say):
        texts.erase(key)
    by_key: defaultdict[str, set[str]] = defaultdict(set)
    for key, version_id in work.versions:
        by_key[key].add(version_id)
    for key in _told(list(by_key), "images among others", say):
        texts.erase_versions(key, by_key[key])
    for key in _told(work.files, "answers", say):
        texts.erase(key)


def erase_archived(images: Images, days: Sequence[str], noted: datetime, say: Say) -> None:
    """Take detections of these days out of the archive, and what was on its way there when it was
    noted that they are forgotten.
    """
    while clock.now() < noted + forgotten_detections.IN_FLIGHT:
        say("waiting until what is on its way to the archive is there")
        clock.sleep(_BETWEEN_ARCHIVED_S)
    for day in _told(days, "days of the archive", say):
        for key in texts.under(archive.folder_of(day)):
            texts.rewrite(images, key)


def _delete_dataset(arn: str) -> None:
    """Delete a dataset, of which the next training makes another one."""
    try:
        rekognition_datasets.delete_dataset(arn)
    except BusyError as error:
        # One that is being deleted refuses to be deleted.
        statuses = {
            dataset.arn: dataset.status for dataset in rekognition_datasets.datasets().values()
        }
        if statuses.get(arn, "DELETE_IN_PROGRESS") != "DELETE_IN_PROGRESS":
            raise TrainingInProgressError(
                f"The dataset {arn} is in use, by a training that was begun by hand perhaps. "
                "Come again when that has ended."
            ) from error


def _delete_version(name: str) -> None:
    """Stop a version and delete it; where it serves, none does from now on."""
    serving = deployed_version.now()
    if serving and serving.version == name:
        deployed_version.forget()
    try:
        version = rekognition.version(name)
    except NotFoundError:
        return
    while version.status in {*_ACTIVE, VersionStatus.STOPPING}:
        if version.status is VersionStatus.RUNNING:
            rekognition.stop_version(version.arn)
        clock.sleep(_BETWEEN_LOOKS_S)
        version = rekognition.version(name)
    if version.status is not VersionStatus.DELETING:
        rekognition.delete_version(version.arn)
    model_versions.note(VersionRecord(name=name, deleted=clock.iso(clock.now())))


_ACTIVE = {VersionStatus.STARTING, VersionStatus.RUNNING}


# --- A person -------------------------------------------------------------------------------------


def _erase_person(work: Work, person: Person, groups: Sequence[str], say: Say) -> None:
    for username in _told(work.usernames, "people", say):
        if groups:
            user_pools.take_out(username, groups)
        else:
            user_pools.delete(username)
    # Before the answers, which are read again when they are written: both name who has sent what.
    for name in _told(work.records, "records", say):
        key = {"detection_id": {"S": name}}
        _change(Variable.DETECTIONS_TABLE, key, person.without)
    for name in _told(work.tasks, "review tasks", say):
        if name.startswith(REVIEWER):
            _move_figures(name.removeprefix(REVIEWER), person)
        else:
            key = {"task_id": {"S": name}}
            _change(Variable.REVIEW_TASKS_TABLE, key, partial(_task_without, person))
    for key in _told(work.items, "items", say):
        _change(Variable.MODEL_VERSIONS_TABLE, key, partial(left_of_item, person))
    for key in _told(work.texts, "answers", say):
        texts.rewrite(person, key)


def _task_without(person: Person, raw: Mapping[str, Any]) -> Any:
    """The task with the pseudonym, as one that was changed: nobody stores it over as it was."""
    left = person.without(raw)
    if left == raw:
        return raw
    return {**left, "revision": {"N": str(int(raw["revision"]["N"]) + 1)}}


def _move_figures(sub: str, person: Person) -> None:
    if sub == person.pseudonym:
        return
    for attempt in range(1, _TRIES + 1):
        try:
            review_tasks.move_figures(sub, person.pseudonym)
            return
        except (BusyError, ChangedMeanwhileError):
            if attempt == _TRIES:
                raise
            clock.pause(_BETWEEN_TRIES_S * attempt)


# --- Both -----------------------------------------------------------------------------------------


def _change(table: Variable, key: Item, become: Callable[[Mapping[str, Any]], Any]) -> None:
    """Make of an item what is left of it, again where somebody else changes it meanwhile."""
    for attempt in range(1, _TRIES + 1):
        item = whole_tables.get(table, key)
        if item is None:
            return
        left = become(item)
        try:
            if left is GONE or whole_tables.key_of(table, left) != key:
                whole_tables.delete(table, key)
            else:
                whole_tables.change(table, item, left)
            return
        except ChangedMeanwhileError:
            if attempt == _TRIES:
                raise
            clock.pause(_BETWEEN_TRIES_S * attempt)


def _told(things: Sequence[Any], what: str, say: Say) -> Iterator[Any]:
    """The things, with how far they are."""
    for number, one in enumerate(things, start=1):
        say(f"erasing {what}: {number} of {len(things)}")
        yield one
