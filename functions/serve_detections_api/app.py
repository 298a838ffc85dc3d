"""ServeDetectionsApi: tell what the inference log has of detections, and what counts now.

Invoked by  the HTTP API, routes ``GET /detections`` and ``GET /detections/{detection_id}``, behind
            its JWT authoriser
Raises      nothing that is the caller's fault or will pass: that becomes
            {"error": {"code", "message"}}
Idempotent  yes; it only reads
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from labelloop import clock, http_api
from labelloop.aws import detections, objects
from labelloop.aws.detections_by_time import Reading
from labelloop.aws.wiring import wiring
from labelloop.domain.annotations import ModelType
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import DETECTION_ID, Outcome, detection_id
from labelloop.domain.labels import MOST_GIVEN, composed, known_as
from labelloop.domain.manifests import MAX_KEY_BYTES
from labelloop.domain.moments import read_moment
from labelloop.entrypoint import Strict, logger
from labelloop.errors import InvalidRequestError, NotAllowedError, NotFoundError
from labelloop.log_contract import ListedDetections, Logged
from labelloop.services import inference_log
from labelloop.services.inference_log import Question
from labelloop.settings import Variable

LISTED = 100
"""How many detections an answer has at the most."""
ENOUGH = 500
"""After so many items of an index an answer ends, whatever it has."""
AT_ONCE = 25
"""Of each partition. With those of a day, sixteen, begun just before there are enough, and the
records themselves, an answer reads 1,000 items at the most."""
MOST_BYTES = 4 * 1024 * 1024
"""Of the detections in an answer; Lambda takes six."""
SINCE = "24h"
"""Since when, where nobody says."""
PARAMETERS = frozenset({"key", "outcome", "label", "since", "until", "next"})
NO_NEXT = "next is none of this question: send it as it came, and all else as it was asked before."

api = APIGatewayHttpResolver()
http_api.answer_refusals(api)


class Position(Strict):
    """How far the answers to a question have come."""

    since: str = ""
    until: str = ""
    after: str
    """All up to this one has been told: a detection by date and id, or a version of an object."""

    def as_text(self, query: Mapping[str, str]) -> str:
        """The form in which callers get it and send it again; it goes with that question alone.

        It gives nobody more than they may ask for: what is told apart are mistakes.
        """
        told = self.model_dump_json()
        question = json.dumps([sorted(query.items()), told])
        mark = hashlib.sha256(question.encode()).digest()[:12]
        return base64.urlsafe_b64encode(mark + told.encode()).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str, query: Mapping[str, str]) -> "Position":
        """The position that ``as_text`` told of that question. Raises InvalidRequestError."""
        try:
            told = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[12:]
            position = cls.model_validate_json(told)
            if position.since:
                for moment in (position.since, position.until, position.after[:10]):
                    datetime.fromisoformat(moment)
        except ValueError as error:
            raise InvalidRequestError(NO_NEXT) from error
        if position.as_text(query) != text:
            raise InvalidRequestError(NO_NEXT)
        return position


@api.get("/detections/<detection>")
def get_detection(detection: str) -> Logged:
    """What the inference log has of a detection."""
    _check_caller()
    if not re.fullmatch(DETECTION_ID, detection):
        raise NotFoundError(f"{detection} is no detection's id: those have 32 digits, 0-9a-f.")
    return _told(detections.get(detection))


@api.get("/detections")
def list_detections() -> ListedDetections:
    """The detections of an object, or those of a time, by outcome and label; the newest first."""
    _check_caller()
    query = dict(api.current_event.query_string_parameters or {})
    if unknown := query.keys() - PARAMETERS:
        raise InvalidRequestError(
            f"There is no parameter {min(unknown)}; there are {', '.join(sorted(PARAMETERS))}."
        )
    given = query.pop("next", None)
    position = None if given is None else Position.from_text(given, query)
    if "key" in query:
        return _of_key(query, position)
    return _of_question(query, position)


def _check_caller() -> None:
    caller, scope = http_api.caller(api), wiring[Variable.READ_SCOPE]
    if not caller.is_operator and scope not in caller.scopes:
        raise NotAllowedError(
            f"Only members of the group {wiring[Variable.OPERATORS_GROUP]}, and machines whose "
            f"token is for {scope}, may read the inference log."
        )


# --- Of an object, all versions -------------------------------------------------------------------


def _of_key(query: Mapping[str, str], position: Position | None) -> ListedDetections:
    key = query["key"]
    if len(query) > 1:
        raise InvalidRequestError("A key is asked for alone: without outcome, label and times.")
    if not key or len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidRequestError(f"S3's keys have 1 to {MAX_KEY_BYTES} bytes.")
    older = objects.versions(key, position.after if position else "")
    found = list(islice(older, LISTED + 1))
    places = {detection_id(image): image.version_id or "" for image in found[:LISTED]}
    more = found[LISTED - 1].version_id if len(found) > LISTED else None
    return _answer(query, places, {}, more)


# --- Of a time, by outcome and label --------------------------------------------------------------


def _of_question(query: Mapping[str, str], position: Position | None) -> ListedDetections:
    asked = _question(query, position)
    reading = Reading(position.after if position else "", most=ENOUGH, at_once=AT_ONCE)
    found = inference_log.newest_first(asked, reading)
    places = {record.detection_id: record.date_id for record in islice(found, LISTED)}
    times = {"since": clock.iso(asked.since), "until": clock.iso(asked.until)}
    is_all = len(places) < LISTED and not reading.is_over
    return _answer(query, places, times, None if is_all else reading.before)


def _question(query: Mapping[str, str], position: Position | None) -> Question:
    outcome, label = query.get("outcome"), query.get("label")
    if outcome is not None and outcome not in set(Outcome):
        raise InvalidRequestError(f"outcome can be {', '.join(Outcome)}.")
    if label is not None and not 0 < len(label) <= MOST_GIVEN:
        raise InvalidRequestError(f"A label's name has 1 to {MOST_GIVEN} characters.")
    if position:
        since, until = clock.from_iso(position.since), clock.from_iso(position.until)
    else:
        now = clock.now()
        since, until = (
            now - moment if isinstance(moment, timedelta) else moment
            for moment in (
                read_moment(query.get("since", SINCE)),
                read_moment(query["until"]) if "until" in query else now,
            )
        )
    if since > until:
        raise InvalidRequestError(
            f"since is later than until; where it is not said, it is {SINCE} ago."
        )
    return Question(
        since=since,
        until=until,
        outcome=None if outcome is None else Outcome(outcome),
        label=None if label is None else known_as(composed(label)),
    )


# --- The answer -----------------------------------------------------------------------------------


def _answer(
    query: Mapping[str, str],
    places: Mapping[str, str],
    times: Mapping[str, str],
    more: str | None,
) -> ListedDetections:
    """The records of those, as many as fit; and behind which place there are more."""
    told: list[Logged] = []
    size_bytes = 0
    for record in inference_log.whole(places):
        logged = _told(record)
        size_bytes += len(json.dumps(logged))
        if told and size_bytes > MOST_BYTES:
            more = places[told[-1]["detection_id"]]
            break
        told.append(logged)
    answer: ListedDetections = {"detections": told}
    if more is not None:
        answer["next"] = Position(**times, after=more).as_text(query)
    return answer


def _told(record: DetectionRecord) -> Logged:
    facts = record.shown().as_json()
    final = record.final_labels(ModelType(wiring[Variable.MODEL_TYPE]))
    return {
        **{name: facts[name] for name in Logged.__annotations__ if name in facts},  # type: ignore[typeddict-item]
        "decided_by": record.decided_by,
        "final_labels": [label.as_json() for label in final],
    }


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request."""
    logger.append_keys(request_id=context.aws_request_id)
    return http_api.resolve(api, event, context)
