"""What holds of every life when it has come to rest. Each rule gives what breaks it, in words."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from labelloop.domain.detection_records import LABELING
from labelloop.domain.detections import Outcome, human_loop_name
from labelloop.domain.manifests import LABELLED_FOLDER, NONE_IMAGES
from tests.soak.world import World

FINAL = frozenset({Outcome.CONFIDENT, Outcome.REVIEW, Outcome.DEFERRED, Outcome.REJECTED, LABELING})
ACTIVE = frozenset({"STARTING", "RUNNING", "STOPPING", "TRAINING_IN_PROGRESS"})
LOOKS = frozenset({"HostModel", "SelectReviews"})
"""The functions that schedules invoke whether there is work or not."""
FAILED = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})

Rule = Callable[[World, "Known"], Iterator[str]]


class Known:
    """What those know who lived the life: what they brought in, and whom they disturbed."""

    def __init__(self) -> None:
        self.given: set[str] = set()
        """The keys of images that came with their labels."""
        self.logged_by_api: set[str] = set()
        """The detections that the API has acknowledged."""
        self.disturbed: Counter[str] = Counter()
        """How many calls of each function failed by order; of state machines under no name."""


def violations(world: World, known: Known) -> list[str]:
    """Everything that does not hold."""
    return [f"{rule.__name__}: {text}" for rule in RULES for text in rule(world, known)]


def one_final_record_each(world: World, known: Known) -> Iterator[str]:
    """Every object version has one record, in a state in which it may stay."""
    of_version = Counter((record["key"], record.get("version_id")) for record in world.records)
    for (key, version), count in of_version.items():
        if count != 1:
            yield f"{key} in version {version} has {count} records"
    by_id = {record["detection_id"]: record for record in world.records}
    for name, key in world.came.items():
        if name not in by_id:
            yield f"{key} has no record {name}"
    for name in known.logged_by_api - by_id.keys():
        yield f"what the API has taken has no record {name}"
    for name, record in by_id.items():
        from_api = record["key"].startswith("images_from_api/")
        if name not in world.came and not from_api:
            yield f"the record {name} is of no object version: {record['key']}"
        if record.get("outcome") not in FINAL:
            yield f"{record['key']} stays {record.get('outcome')}"


def every_question_is_answered_once(world: World, known: Known) -> Iterator[str]:
    """Whoever was to be asked was, and one answer of people stands in the record."""
    by_id = {record["detection_id"]: record for record in world.records}
    tasks = Counter(task["detection_id"] for task in world.tasks)
    files = Counter(key.split("/")[-2] for key in world.answer_files)
    for task in world.tasks:
        name, record = task["detection_id"], by_id.get(task["detection_id"], {})
        if not task.get("finished") or len(task["answers"]) != task["wanted"]:
            yield f"the task of {task['key']} is not finished: {task['answers']}"
        if tasks[name] != 1 or files[human_loop_name(name)] != 1:
            yield f"{task['key']}: {tasks[name]} tasks, {files[human_loop_name(name)]} answers"
        if not record.get("completed"):
            yield f"the answer about {task['key']} is not in its record"
        elif record.get("human_label", "") != _said(task):
            yield f"{task['key']} was {_said(task)} for people, not {record.get('human_label')}"
    for record in world.records:
        asked = record.get("outcome") in {Outcome.REVIEW, LABELING} or record.get("human_loop")
        if asked and not tasks[record["detection_id"]] and not record.get("left_out"):
            yield f"nobody was asked about {record['key']}"


def every_answer_trains_once(world: World, known: Known) -> Iterator[str]:
    """What people said is in the training data once, where it belongs, and in each index once."""
    copies: dict[str, list[str]] = {}
    for key in world.training_images:
        name = _detection_of(key)
        if name:
            copies.setdefault(name, []).append(key)
    for task in world.tasks:
        found = copies.get(task["detection_id"], [])
        said = _said(task)
        folder = f"{LABELLED_FOLDER}{said}/" if said else NONE_IMAGES
        if [key.rsplit("/", 1)[0] + "/" for key in found] != [folder]:
            yield f"{task['key']}, for people {said or 'none of them'}, trains as {found}"
    for version, lines in world.trained.items():
        for key, count in Counter(line["key"] for line in lines).items():
            if count != 1:
                yield f"{version} has {key} {count} times"


def no_training_data_without_origin(world: World, known: Known) -> Iterator[str]:
    """What may train was brought with its label, or people answered about it."""
    answered = {task["detection_id"] for task in world.tasks}
    for key, metadata in world.training_images.items():
        if key in known.given or key.endswith("/"):
            continue
        name = _detection_of(key)
        if name not in answered:
            yield f"nobody brought {key}, and nobody answered about it"
            continue
        told = json.loads(metadata.get("provenance", "{}"))
        if told.get("detection_id") != name:
            yield f"{key} says that it comes of {told}"


def one_version_serves_or_none(world: World, known: Known) -> Iterator[str]:
    """The deployed version is there, and it was trained and found good."""
    deployed = world.states.get("deployed", {}).get("version")
    if deployed and deployed not in world.versions:
        yield f"the deployed version {deployed} is not there"
    if deployed and deployed not in world.trained:
        yield f"the deployed version {deployed} has no index of its images"


def nothing_runs(world: World, known: Known) -> Iterator[str]:
    """No work is left, so no model runs, no workflow goes on and no lock is held."""
    for name, status in world.versions.items():
        if status in ACTIVE:
            yield f"{name} is {status}"
    for execution in world.executions:
        if execution["status"] == "RUNNING":
            yield f"{execution['executionArn']} goes on"
    if "training" in world.states:
        yield f"the training lock is held: {world.states['training']}"
    for function in world.busy.keys() - LOOKS:
        yield f"{function} is at work"


def every_failure_is_told_once(world: World, known: Known) -> Iterator[str]:
    """Of each workflow that failed the operator heard, and of nothing twice."""
    told = "\n".join(str(message) for message in world.told if "told" in message)
    for execution in world.executions:
        if execution["status"] in FAILED and execution["executionArn"] not in told:
            yield f"nobody was told that {execution['executionArn']} has failed"
    for message in world.told:
        if "told" not in message:
            yield f"{message['name']} was begun to be told, and was not"
    # Who dies right after sending sends again.
    again = sum(known.disturbed.values())
    mails = Counter((mail["topic"], mail["subject"], mail["message"]) for mail in world.mails)
    doubles = {subject: count - 1 for (_, subject, _), count in mails.items() if count > 1}
    if sum(doubles.values()) > again:
        yield f"told more than once: {doubles}"


def every_queue_is_empty(world: World, known: Known) -> Iterator[str]:
    """Nothing waits, and nothing was given up."""
    for queue, count in world.queued.items():
        if count:
            yield f"{count} messages in {queue}"


RULES: tuple[Rule, ...] = (
    one_final_record_each,
    every_question_is_answered_once,
    every_answer_trains_once,
    no_training_data_without_origin,
    one_version_serves_or_none,
    nothing_runs,
    every_failure_is_told_once,
    every_queue_is_empty,
)


def _said(task: Mapping[str, Any]) -> str:
    """The label that the one person said who was asked; empty for none of them."""
    given = list(task["answers"].values())
    labels = given[0].get("labels", ()) if given else ()
    return labels[0] if labels else ""


def _detection_of(key: str) -> str | None:
    """The detection of which an image that may train is a copy; None where it is no copy."""
    name = key.rsplit("/", 1)[-1].removeprefix("sampled-")[:33]
    hexadecimal = set(name[:32]) <= set("0123456789abcdef")
    return name[:32] if len(name) == 33 and name[32] == "-" and hexadecimal else None
