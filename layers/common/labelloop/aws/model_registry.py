"""Which model serves, which version came of which images, who trains now: conditional writes.

One table, by ``kind`` and ``name``:

    state    deployed          the version that serves, and the one before it
    state    model_type        what all versions are for: labels, several labels, or boxes
    state    training          the lock: one training or deployment at a time
    state    sampling          how far the detections have been sampled, and what those were
    state    review_day        how many doubtful detections people have been asked about today
    state    look              what the last look at the labelled images came to
    state    hosting           since when the deployed version runs, and when it was last started
    state    hosting_pause     there while the operator wants no model to run
    state    hosting_look      there while somebody has just looked whether a model should run
    state    asked_directly    when the model was last asked without a record in the log
    state    asked_to_compare  when it was last asked to be compared with another version
    state    model_time        for how long models have run today
    state    waiting_images    how far images that wait for a model have been sent round
    state    none_answers      whether versions were right to take images for none of their labels
    version  <version>         what became of a version, from its manifests to its verdict
    sample#<version>  <detection>  whether the version was right about a sampled detection
    message  <once>            that the operator has been told something
    images   <day>             how many images the API has counted on that day
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from labelloop import clock
from labelloop.aws.clients import client
from labelloop.aws.failures import translated
from labelloop.aws.items import from_item, to_item, to_value
from labelloop.aws.wiring import wiring
from labelloop.clock import epoch_s, iso
from labelloop.domain.accuracy import Sample
from labelloop.domain.annotations import ModelType
from labelloop.domain.manifests import Changes
from labelloop.domain.origins import LogShares
from labelloop.domain.rejection import NoneAnswer, with_answer
from labelloop.domain.sampling import START, LogCounts, Position
from labelloop.domain.selection import Day
from labelloop.errors import ChangedMeanwhileError, TrainingInProgressError
from labelloop.remembered import remembered
from labelloop.settings import Variable

NOTED_EVERY = timedelta(minutes=1)
"""How often a warm function that is asked without pause notes that it was."""
_TRIES, _BETWEEN_TRIES_S = 8, 0.05
_TELLING_TAKES = timedelta(minutes=5)
_MESSAGES_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Deployed:
    """The version that serves."""

    version: str
    version_arn: str
    previous: str | None
    switched_by: str = ""
    """The execution that has let it serve, where that is known."""


_noted: dict[tuple[str, str], datetime] = {}


def _table() -> str:
    return wiring[Variable.MODEL_VERSIONS_TABLE]


def _key(kind: str, name: str) -> dict[str, Any]:
    return {"kind": {"S": kind}, "name": {"S": name}}


def _all(kind: str) -> list[dict[str, Any]]:
    """Every item of a kind, by name."""
    pages = (
        client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=_table(),
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": kind}},
            ConsistentRead=True,
        )
    )
    with translated():
        return [from_item(item) for page in pages for item in page["Items"]]


def _get(kind: str, name: str) -> dict[str, Any] | None:
    with translated():
        answer = client("dynamodb").get_item(
            TableName=_table(), Key=_key(kind, name), ConsistentRead=True
        )
    return from_item(answer["Item"]) if "Item" in answer else None


def _put(kind: str, name: str, values: Mapping[str, Any], condition: str, **parts: Any) -> None:
    with translated():
        client("dynamodb").put_item(
            TableName=_table(),
            Item=to_item({**values, "kind": kind, "name": name}),
            ConditionExpression=condition,
            **parts,
        )


def _overwrite(name: str, values: Mapping[str, Any]) -> None:
    with translated():
        client("dynamodb").put_item(
            TableName=_table(), Item=to_item({**values, "kind": "state", "name": name})
        )


# --- The deployed version -------------------------------------------------------------------------


def deployed() -> Deployed | None:
    """The version that serves; None before the first one does."""
    values = _get("state", "deployed")
    if values is None:
        return None
    return Deployed(
        values["version"],
        values["version_arn"],
        values.get("previous"),
        values.get("switched_by", ""),
    )


@remembered(seconds=60)
def deployed_lately() -> Deployed | None:
    """The version that serves, or did a minute ago: for work that cannot ask every time."""
    return deployed()


def switch(version: str, version_arn: str, before: Deployed | None, by: str = "") -> Deployed:
    """Let a version serve in the place of the one that was read before; what is deployed now.

    Raises ChangedMeanwhileError when another switch came between. A second call with the same
    version changes nothing.
    """
    if before is not None and before.version_arn == version_arn:
        return before
    new = Deployed(version, version_arn, before.version if before else None, by)
    values = {**new.__dict__, "switched": iso(clock.now())}
    if before is None:
        _put("state", "deployed", values, "attribute_not_exists(version_arn)")
    else:
        _put(
            "state",
            "deployed",
            values,
            "version_arn = :before",
            ExpressionAttributeValues={":before": {"S": before.version_arn}},
        )
    return new


# --- What the versions are for --------------------------------------------------------------------


def model_type() -> ModelType | None:
    """The type of the stack's versions; None where no deployment has noted it yet."""
    values = _get("state", "model_type")
    return None if values is None else ModelType(values["model_type"])


def note_model_type(model_type: ModelType) -> None:
    """Remember the type from now on."""
    _overwrite("model_type", {"model_type": model_type})


# --- The training lock ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Lock:
    """Who trains or deploys."""

    owner: str
    """The execution that does now, or did when it died."""
    unfinished: str | None
    """The one that it was taken from, which had died; the owner is to clear up behind it."""
    in_place: bool
    """Whether it stops the model that serves before it starts another one."""


def lock() -> Lock | None:
    """The lock; None where nobody has it."""
    values = _get("state", "training")
    if values is None:
        return None
    return Lock(values["owner"], values.get("unfinished"), values.get("in_place", False))


def take_lock(lock: Lock, from_owner: str | None = None) -> None:
    """Take the lock from an owner that is known to have ended, or from nobody.

    Raises TrainingInProgressError when another was faster.
    """
    try:
        _put(
            "state",
            "training",
            {**asdict(lock), "since": iso(clock.now())},
            "attribute_not_exists(#owner) OR #owner = :ended",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":ended": {"S": from_owner or lock.owner}},
        )
    except ChangedMeanwhileError as error:
        raise TrainingInProgressError("Another training or deployment is going on.") from error


# --- Versions -------------------------------------------------------------------------------------


def versions() -> list[dict[str, Any]]:
    """What is known of every version, the oldest first."""
    return sorted(_all("version"), key=lambda version: int(version["number"]))


def add_version(name: str, values: Mapping[str, Any]) -> None:
    """Note a new version; one that is noted already stays as it is."""
    try:
        _put("version", name, values, "attribute_not_exists(kind)")
    except ChangedMeanwhileError:
        return


def version(name: str) -> dict[str, Any] | None:
    """What is known of a version."""
    return _get("version", name)


def note_version(name: str, facts: Mapping[str, Any]) -> None:
    """Add facts to what is known of a version."""
    with translated():
        client("dynamodb").update_item(
            TableName=_table(),
            Key=_key("version", name),
            UpdateExpression="SET " + ", ".join(f"#{i} = :{i}" for i in range(len(facts))),
            ExpressionAttributeNames={f"#{i}": name for i, name in enumerate(facts)},
            ExpressionAttributeValues={f":{i}": to_value(v) for i, v in enumerate(facts.values())},
        )


def last_trained(known: Sequence[Mapping[str, Any]]) -> str | None:
    """The newest of the versions whose training succeeded."""
    trained = [version["name"] for version in known if version.get("trained")]
    return trained[-1] if trained else None


# --- The last look at the labelled images ---------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """What a look at the labelled images came to, so that the same need not be looked at again."""

    digest: str
    """Of everything that was there."""
    since: str | None
    """The version that it was compared with."""
    changes: Changes
    images: int
    settled: bool = False
    """Whether nothing more can be made of it: it has been trained on, or cannot be."""


def last_look() -> Look | None:
    """What the last look came to."""
    values = _get("state", "look")
    if values is None:
        return None
    return Look(
        values["digest"],
        values.get("since"),
        Changes(**{field.name: int(values[field.name]) for field in fields(Changes)}),
        int(values["images"]),
        values.get("settled", False),
    )


def note_look(look: Look) -> None:
    """Remember a look in the place of the last one."""
    values = {**asdict(look.changes), "digest": look.digest, "since": look.since}
    _overwrite("look", {**values, "images": look.images})


def settle_look(digest: str) -> None:
    """Note that nothing more can be made of what was there, unless something else is by now."""
    try:
        with translated():
            client("dynamodb").update_item(
                TableName=_table(),
                Key=_key("state", "look"),
                UpdateExpression="SET settled = :true",
                ConditionExpression="digest = :digest",
                ExpressionAttributeValues={":true": {"BOOL": True}, ":digest": {"S": digest}},
            )
    except ChangedMeanwhileError:
        return


# --- Hosting --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hosting:
    """What has become of the deployed version's hosting."""

    version: str
    asked: str | None = None
    """When it was last asked to start, to host the images that come in."""
    running_since: str | None = None
    """When its last run was first seen; None where it never was seen to run."""
    stopped: str | None = None
    """When that run was first seen to be over; None where it goes on."""
    inference_units: int = 1
    """With how many it ran then."""
    untold: Mapping[str, Any] | None = None
    """What the operator is to be told of the last start; None where that was told."""
    stopping: Mapping[str, Any] | None = None
    """The same of its last end for want of work."""
    tried: str | None = None
    """When one image was sent to a model that runs and had refused others."""

    @property
    def runs(self) -> bool:
        """Whether it was last seen to run."""
        return self.running_since is not None and self.stopped is None


def hosting(version: str) -> Hosting:
    """What is known of the hosting of this version; nothing where another one was hosted."""
    values = _get("state", "hosting")
    if values is None or values["version"] != version:
        return Hosting(version)
    return Hosting(
        version,
        values.get("asked"),
        values.get("running_since"),
        values.get("stopped"),
        int(values.get("inference_units", 1)),
        values.get("untold"),
        values.get("stopping"),
        values.get("tried"),
    )


def note_hosting(now: Hosting) -> None:
    """Remember it in the place of what was known."""
    _overwrite("hosting", asdict(now))


def hosting_is_paused() -> bool:
    """Whether the operator wants no model to run."""
    return _get("state", "hosting_pause") is not None


def begin_to_look(lasts: timedelta) -> bool:
    """Whether the caller should look whether a model should run: nobody did so long."""
    now = clock.now()
    try:
        _put(
            "state",
            "hosting_look",
            {"until": iso(now + lasts)},
            # One that lasts longer is of a clock that was ahead.
            "attribute_not_exists(kind) OR #until < :now OR #until > :longest",
            ExpressionAttributeNames={"#until": "until"},
            ExpressionAttributeValues={
                ":now": {"S": iso(now)},
                ":longest": {"S": iso(now + lasts + NOTED_EVERY)},
            },
        )
    except ChangedMeanwhileError:
        return False
    return True


def note_asked_directly() -> None:
    """Note that the model is asked without a record in the log, which is work all the same."""
    _note_asked("asked_directly")


def asked_directly_since(moment: datetime) -> bool:
    """Whether the model was asked without a record since that moment, give or take a minute."""
    return _asked_since("asked_directly", moment)


def note_asked_to_compare() -> None:
    """Note that the model is asked to be compared with another version."""
    _note_asked("asked_to_compare")


def asked_to_compare_since(moment: datetime) -> bool:
    """Whether the model was asked so since that moment, give or take a minute."""
    return _asked_since("asked_to_compare", moment)


def _note_asked(name: str) -> None:
    now, before = clock.now(), _noted.get((_table(), name))
    if before is None or now - before >= NOTED_EVERY:
        _overwrite(name, {"at": iso(now)})
        _noted[_table(), name] = now


def _asked_since(name: str, moment: datetime) -> bool:
    """Nor what is still to come: a clock noted it that was ahead."""
    values = _get("state", name)
    since, until = iso(moment - NOTED_EVERY), iso(clock.now() + NOTED_EVERY)
    return values is not None and since <= str(values["at"]) <= until


def waiting_images_sent_to() -> str:
    """Up to which ``date_id`` of the log the waiting images have been sent; empty for none."""
    values = _get("state", "waiting_images")
    return values["sent_to"] if values else ""


def note_waiting_images_sent(to: str) -> None:
    """Note up to which ``date_id`` of the log the waiting images have been sent round."""
    _overwrite("waiting_images", {"sent_to": to})


# --- Daily ceilings -------------------------------------------------------------------------------


def model_time() -> dict[str, Any] | None:
    """For how long models have run on the last day on which any did."""
    return _get("state", "model_time")


def keep_model_time(values: Mapping[str, Any], looked_before: str | None) -> None:
    """Note what has been counted up to when it says it was looked.

    Raises ChangedMeanwhileError when another look has counted since the one before was read.
    """
    _put(
        "state",
        "model_time",
        values,
        "attribute_not_exists(kind) OR looked = :seen",
        ExpressionAttributeValues={":seen": {"S": looked_before or ""}},
    )


def api_images(day: str) -> int:
    """How many images the API has counted on a day: those that it took, and blocks begun."""
    values = _get("images", day)
    return int(values["counted"]) if values else 0


def count_api_images(day: str, block: int, ceiling: int) -> int | None:
    """Count a block of images more; how many are counted then, or None where the day has no more.

    A block that is counted twice, as by a call whose answer was lost, is lost for the day.
    """
    try:
        with translated():
            answer = client("dynamodb").update_item(
                TableName=_table(),
                Key=_key("images", day),
                UpdateExpression="SET expires = :expires ADD counted :block",
                ConditionExpression="attribute_not_exists(counted) OR counted < :ceiling",
                ExpressionAttributeValues={
                    ":expires": to_value(epoch_s(clock.now(), _MESSAGES_KEPT)),
                    ":block": to_value(block),
                    ":ceiling": to_value(ceiling),
                },
                ReturnValues="UPDATED_NEW",
            )
    except ChangedMeanwhileError:
        return None
    return int(from_item(answer["Attributes"])["counted"])


# --- Sampling -------------------------------------------------------------------------------------


def sampling_position() -> Position:
    """How far the detections have been sampled."""
    values = _get("state", "sampling")
    if values is None:
        return START
    return Position(
        values["after"],
        values["since_last"],
        values.get("nones_since_last", 0),
        LogCounts.from_json(values.get("log", {})),
    )


def log_shares() -> LogShares:
    """How many detections of the log are of each stratum, of those that sampling has passed.

    Empty where it never was switched on.
    """
    return sampling_position().log.shares


def move_sampling_position(before: Position, after: Position) -> None:
    """Note that sampling has come from one position to another.

    Raises ChangedMeanwhileError when another run was faster.
    """
    _put(
        "state",
        "sampling",
        {
            "after": after.after,
            "since_last": after.since_last,
            "nones_since_last": after.nones_since_last,
            "log": after.log.as_json(),
        },
        "attribute_not_exists(kind) OR (#after = :after AND since_last = :since_last)",
        ExpressionAttributeNames={"#after": "after"},
        ExpressionAttributeValues={
            ":after": {"S": before.after},
            ":since_last": {"N": str(before.since_last)},
        },
    )


# --- What sampled answers say ---------------------------------------------------------------------


def note_sample(version: str, detection: str, sample: Sample | None, completed: str) -> None:
    """Note what the answer of that time says of a version's detection; None where it says nothing.

    A later answer takes its place, and stays where an earlier one comes late.
    """
    said = {"labels": sample.labels, "right": sample.right} if sample else {}
    try:
        _put(
            f"sample#{version}",
            detection,
            {**said, "completed": completed},
            "attribute_not_exists(kind) OR completed <= :completed",
            ExpressionAttributeValues={":completed": {"S": completed}},
        )
    except ChangedMeanwhileError:
        return


def samples(version: str) -> list[Sample]:
    """What all answers say of a version's detections."""
    found = _all(f"sample#{version}")
    return [Sample(tuple(item["labels"]), item["right"]) for item in found if "right" in item]


def none_answers() -> tuple[NoneAnswer, ...]:
    """What the newest answers say of images that versions took for none of their labels."""
    return _none_answers()[0]


@remembered(seconds=60)
def none_answers_lately() -> tuple[NoneAnswer, ...]:
    """What they say, or said a minute ago: for work that cannot ask every time."""
    return none_answers()


def note_none_answer(answer: NoneAnswer) -> None:
    """Note what an answer says of such an image, in the place of what the one before said.

    Raises ChangedMeanwhileError where others noted theirs each time that this one was to be noted.
    """
    for attempt in range(1, _TRIES + 1):
        before, revision = _none_answers()
        after = with_answer(before, answer)
        if after == before:
            return
        try:
            _put(
                "state",
                "none_answers",
                {"answers": [asdict(each) for each in after], "revision": revision + 1},
                "attribute_not_exists(kind) OR revision = :seen",
                ExpressionAttributeValues={":seen": {"N": str(revision)}},
            )
            return
        except ChangedMeanwhileError:
            if attempt == _TRIES:
                raise
            clock.pause(_BETWEEN_TRIES_S * attempt)


def _none_answers() -> tuple[tuple[NoneAnswer, ...], int]:
    values = _get("state", "none_answers")
    if values is None:
        return (), 0
    answers = tuple(NoneAnswer.from_json(entry) for entry in values["answers"])
    return answers, int(values["revision"])


# --- The day's selection for review ---------------------------------------------------------------


def review_day() -> Day:
    """What was chosen for review on the last day on which anything was."""
    values = _get("state", "review_day")
    if values is None:
        return Day("")
    asked = {entry["label"]: int(entry["count"]) for entry in values["asked"]}
    return Day(
        values["date"],
        asked,
        tuple(values["chosen"]),
        int(values["revision"]),
        {one: float(chance) for one, chance in values.get("drawn", {}).items()},
        values.get("drawn_to", ""),
        float(values.get("rate", 0)),
    )


def keep_review_day(before: Day, after: Day) -> None:
    """Note what has been chosen by now.

    Raises ChangedMeanwhileError when another run has chosen since ``before`` was read.
    """
    # Not a map: its keys must not be empty, and a label that was not found is.
    asked = [{"label": label, "count": count} for label, count in after.asked.items()]
    _put(
        "state",
        "review_day",
        {
            "date": after.date,
            "asked": asked,
            "chosen": after.chosen,
            "revision": after.revision,
            "drawn": after.drawn,
            "drawn_to": after.drawn_to,
            "rate": after.rate,
        },
        "attribute_not_exists(kind) OR revision = :seen",
        ExpressionAttributeValues={":seen": {"N": str(before.revision)}},
    )


# --- Messages that are sent once ------------------------------------------------------------------


def begin_to_tell(once: str, teller: str, news: Mapping[str, Any], for_good: bool = False) -> bool:
    """Whether the caller should send this message: nobody has, and no other teller is about to.

    A teller that tries again after a crash goes on from its own beginning; one that died before
    ``told`` is forgotten after five minutes, and ``news`` is what another one needs to tell it.
    What is not ``for_good`` is forgotten after a month.
    """
    now = clock.now()
    expires = None if for_good else epoch_s(now, _MESSAGES_KEPT)
    try:
        _put(
            "message",
            once,
            {
                "teller": teller,
                "begun": iso(now),
                "expires": expires,
                "news": json.dumps(news, default=str),
            },
            "attribute_not_exists(kind) OR (attribute_not_exists(told) AND "
            "(teller = :me OR begun < :stale OR begun > :ahead))",
            ExpressionAttributeValues={
                ":me": {"S": teller},
                ":stale": {"S": iso(now - _TELLING_TAKES)},
                # Of a teller whose clock was ahead.
                ":ahead": {"S": iso(now + _TELLING_TAKES)},
            },
        )
    except ChangedMeanwhileError:
        return False
    return True


def was_told(once: str) -> bool:
    """Whether the message was sent, and that is not forgotten."""
    values = _get("message", once)
    return values is not None and "told" in values


def told(once: str) -> None:
    """Note that the message was sent."""
    with translated():
        client("dynamodb").update_item(
            TableName=_table(),
            Key=_key("message", once),
            UpdateExpression="SET told = :now",
            ExpressionAttributeValues={":now": {"S": iso(clock.now())}},
        )


def not_told(once: str) -> None:
    """Note that the message could not be sent: whoever comes next may."""
    with translated():
        client("dynamodb").update_item(
            TableName=_table(),
            Key=_key("message", once),
            UpdateExpression="SET begun = :never",
            ConditionExpression="attribute_exists(kind)",
            ExpressionAttributeValues={":never": {"S": ""}},
        )


def untold() -> Iterator[tuple[str, dict[str, Any], bool]]:
    """What was to be told and was not: its name, its news, and whether it is said for good."""
    stale = iso(clock.now() - _TELLING_TAKES)
    for item in _all("message"):
        if "told" not in item and "news" in item and item["begun"] < stale:
            yield item["name"], json.loads(item["news"]), "expires" not in item


def forget_telling(once: str) -> None:
    """Let the message be sent again: what it was about is over."""
    with translated():
        client("dynamodb").delete_item(TableName=_table(), Key=_key("message", once))
