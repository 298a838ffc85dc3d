"""ServeDetectionsApi: what the log has of detections, page by page, and what counts now."""

import base64
import json
from collections.abc import Iterable
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.serve_detections_api import app
from functions.serve_detections_api.app import lambda_handler
from labelloop import clock, http_api
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome, detection_id, human_loop_name
from labelloop.domain.images import ImageObject
from labelloop.domain.labels import NONE_OF_THEM
from labelloop.log_contract import Logged
from tests.unit import api, inference_log
from tests.unit.account import Account, Context, Json, account, event

__all__ = ["account"]

READ_AT_MOST = 1000


def _id(number: int) -> str:
    return f"{number:032x}"


def _answer(case: str, **changes: Any) -> tuple[int, Any]:
    """Status and content of the answer to a sample request."""
    request = {**event(f"serve_detections_api.{case}"), **changes}
    answer = lambda_handler(request, Context())
    content = json.loads(answer["body"])
    api.check(request["routeKey"], answer["statusCode"], content)
    assert answer["headers"].items() >= http_api.HEADERS.items()
    return answer["statusCode"], content


def _list(**query: str) -> tuple[int, Any]:
    return _answer("list", queryStringParameters=query or None)


def _one(detection: str) -> Any:
    status, content = _answer("one", pathParameters={"detection_id": detection}, **_path(detection))
    assert status == 200, content
    return content


def _path(detection: str) -> Json:
    request = event("serve_detections_api.one")["requestContext"]
    path = f"/detections/{detection}"
    http = {**request["http"], "path": path}
    return {"rawPath": path, "requestContext": {**request, "http": http}}


def _pages(**query: str) -> list[list[str]]:
    """The detections of each answer, up to the last."""
    pages: list[list[str]] = []
    more: dict[str, str] = {}
    while True:
        status, content = _list(**query, **more)
        assert status == 200, content
        pages.append([each["detection_id"] for each in content["detections"]])
        if "next" not in content:
            return pages
        more = {"next": content["next"]}


def _all(pages: Iterable[list[str]]) -> list[str]:
    return [one for page in pages for one in page]


def _add(number: int, outcome: Outcome = Outcome.CONFIDENT, **facts: Any) -> str:
    label = facts.pop("label", "gear")
    labels = [{"name": label, "confidence_pct": 91.25}, {"name": "bolt", "confidence_pct": 8.75}]
    seen = {"key": "a.jpg", "label": label, "confidence_pct": 91.25, "labels": labels, **facts}
    inference_log.record(_id(number), outcome, seen, clock.now())
    return _id(number)


class _Reads:
    """How many items DynamoDB has been asked for."""

    def __init__(self, account: Account) -> None:
        self.items = 0
        account.hook("dynamodb", "after-call.dynamodb.Query", self._query)
        account.hook("dynamodb", "after-call.dynamodb.BatchGetItem", self._get)

    def _query(self, parsed: Json, **_: Any) -> None:
        self.items += parsed["Count"]

    def _get(self, parsed: Json, **_: Any) -> None:
        self.items += sum(map(len, parsed["Responses"].values()))


# --- One ------------------------------------------------------------------------------------------


def test_a_detection_is_told_as_the_log_has_it_without_who_has_sent_it(account: Account) -> None:
    said = {"agreement": "undecided", "answers": 0, "revision": 2}
    _add(1, Outcome.REVIEW, human_loop=human_loop_name(_id(1)), senders=["ann"], unsure=[], **said)
    told = _one(_id(1))
    recorded = inference_log.recorded(_id(1))
    assert {name: recorded[name] for name in told.keys() - {"decided_by", "final_labels"}} == {
        name: told[name] for name in told.keys() - {"decided_by", "final_labels"}
    }
    kept_back = {"date_id", "day_shard", "outcome_shard", "senders", "archived"}
    assert recorded.keys() - told.keys() == kept_back


def test_what_is_added_to_records_is_told_or_kept_back_on_purpose() -> None:
    kept_back = {
        *("senders", "request_id", "trace_id", "expires", "unknown"),
        *("date_id", "day_shard", "outcome_shard", "complete"),
        *("answers_read", "copy_keys", "left_out_by", "archived"),
    }
    added = {"decided_by", "final_labels"}
    recorded = {each.name for each in fields(DetectionRecord)}
    assert recorded - kept_back == Logged.__annotations__.keys() - added


def test_what_counts_is_the_models_answer_where_it_is_sure_and_peoples_as_soon_as_they_decide(
    account: Account,
) -> None:
    _add(1)
    _add(2, Outcome.REVIEW)
    assert _final(1) == ("model", ["gear"])
    assert _final(2) == (None, [])
    for number in (1, 2):
        said = {"agreement": "decided", "human_label": "nut", "human_labels": [{"name": "nut"}]}
        inference_log.note(_id(number), said)
        assert _final(number) == ("people", ["nut"])
        nothing: Json = {"agreement": "none", "human_label": "", "human_labels": []}
        inference_log.note(_id(number), nothing)
        assert _final(number) == ("people", [])
        inference_log.note(_id(number), {**nothing, "agreement": "undecided"})
    assert _final(1) == ("model", ["gear"])
    assert _final(2) == (None, [])


def _final(number: int) -> tuple[str | None, list[str]]:
    told = _one(_id(number))
    return told["decided_by"], [label["name"] for label in told["final_labels"]]


def test_what_a_model_takes_for_none_of_its_labels_has_no_label(account: Account) -> None:
    _add(1, label=NONE_OF_THEM)
    assert _final(1) == ("model", [])
    assert _one(_id(1))["label"] == "none of them"


def test_boxes_of_whoever_decided_are_told(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_TYPE", "detection")
    box = {"left": 0.25, "top": 0.0, "width": 0.5, "height": 0.5}
    labels = [{"name": "dent", "confidence_pct": pct, "box": box} for pct in (93.0, 71.0)]
    _add(1, label="dent", labels=labels)
    assert _one(_id(1))["final_labels"] == [{"name": "dent", "box": box}] * 2


@pytest.mark.parametrize("name", [_id(7), "x", human_loop_name(_id(7)), _id(7).upper() + "\n"])
def test_what_the_log_does_not_have_is_not_found(account: Account, name: str) -> None:
    status, refusal = _answer("one", **_path(name), pathParameters={"detection_id": name})
    assert (status, refusal["error"]["code"]) == (404, "NotFound")


# --- Many -----------------------------------------------------------------------------------------


def test_pages_have_every_detection_once_the_newest_first(account: Account) -> None:
    names = []
    for number in range(230):
        account.clock.advance(900)
        names.append(_add(number, label=f"label {number % 5}"))
    pages = _pages(since="30d")
    assert _all(pages) == names[::-1]
    assert all(len(page) <= app.LISTED for page in pages)
    assert _all(_pages(since="30d", label="label 3")) == names[3::5][::-1]


def test_an_answer_reads_a_thousand_items_at_the_most_and_goes_on_where_none_was_one(
    account: Account,
) -> None:
    wanted = _add(0, Outcome.REVIEW, label="nut")
    for number in range(1, 700):
        account.clock.advance(1)
        _add(number, Outcome.REVIEW, label="gear")
    reads = _Reads(account)
    pages: list[list[str]] = []
    more: dict[str, str] = {}
    while True:
        before = reads.items
        _, content = _list(outcome="review", label="nut", **more)
        assert reads.items - before <= READ_AT_MOST
        pages.append([each["detection_id"] for each in content["detections"]])
        if "next" not in content:
            break
        more = {"next": content["next"]}
    assert pages == [[], [wanted]]


def test_days_without_any_end_an_answer_and_the_next_goes_on_behind_them(account: Account) -> None:
    old = _add(1)
    account.clock.advance(40 * 24 * 3600)
    new = _add(2)
    assert _pages(since="41d") == [[new], [old]]


def test_what_comes_meanwhile_changes_nothing_of_the_answers_that_follow(account: Account) -> None:
    names = []
    for number in range(app.LISTED + 5):
        account.clock.advance(1)
        names.append(_add(number))
    _, first = _list()
    account.clock.advance(24 * 3600)
    _add(999)
    _, second = _list(next=first["next"])
    told = [each["detection_id"] for each in (*first["detections"], *second["detections"])]
    assert told == names[::-1]
    assert "next" not in second


def test_they_are_asked_for_by_outcome_and_time(account: Account) -> None:
    began = clock.now()
    names = []
    for number, outcome in enumerate(Outcome):
        account.clock.advance(3600)
        names.append(_add(number, outcome))
    for name, outcome in zip(names, Outcome, strict=True):
        assert _pages(outcome=outcome.value) == [[name]]
    since, until = (clock.iso(began + timedelta(hours=hours)) for hours in (2, 3))
    assert _pages(since=since, until=until) == [[names[2], names[1]]]
    account.clock.advance(25 * 3600)
    assert _pages() == [[]]


def test_a_label_is_asked_for_as_somebody_writes_it(account: Account) -> None:
    name = _add(1, label="\u00c4pfel")
    assert _pages(label=" A\u0308pfel") == [[name]]


def test_programs_whose_token_is_for_something_else_read_nothing(account: Account) -> None:
    context = event("serve_detections_api.list")["requestContext"]
    context["authorizer"]["jwt"]["claims"]["scope"] = "labelloop/detect labelloop/log"
    status, refusal = _answer("list", requestContext=context)
    assert (status, refusal["error"]["code"]) == (403, "NotAllowed")


def test_a_far_future_is_not_looked_through(account: Account) -> None:
    name = _add(1)
    assert _pages(until="9999-12-31") == [[name]]


def test_an_answer_has_no_more_than_lambda_takes(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    for number in range(5):
        account.clock.advance(1)
        names.append(_add(number))
    size = len(json.dumps(_one(names[0])))
    monkeypatch.setattr(app, "MOST_BYTES", 2 * size + 10)
    assert _pages() == [names[:2:-1], names[2:0:-1], names[:1]]


def test_all_versions_of_a_key_are_told_the_newest_first(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "LISTED", 2)
    key, names = "images_for_detection/line 3/gear.jpg", []
    account.put(f"{key}.bak", b"another")
    for number in range(5):
        version = account.put(key, b"x" * number)
        name = detection_id(ImageObject(account.bucket, key, version, "", number))
        if number != 3:  # It is on its way.
            inference_log.record(name, Outcome.CONFIDENT, {"key": key}, clock.now())
            names.append(name)
    assert _pages(key=key) == [[names[3]], [names[2], names[1]], [names[0]]]
    assert _pages(key="images_for_detection/no such.jpg") == [[]]


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        {"outcome": "sure"},
        {"outcome": "labeling"},
        {"label": ""},
        {"label": "x" * 2000},
        {"since": "yesterday"},
        {"since": "2026-13-01"},
        {"since": "0001-01-01"},
        {"since": "2026-11-21T15:30 02:00"},
        {"since": "٢4h"},
        {"until": ""},
        {"since": "1h", "until": "2h"},
        {"key": ""},
        {"key": "ä" * 513},
        {"key": "a.jpg", "since": "7d"},
        {"lable": "gear"},
        {"next": ""},
        {"next": "x"},
        {"next": "é"},
    ],
)
def test_what_cannot_be_asked_is_refused(account: Account, query: dict[str, str]) -> None:
    status, refusal = _list(**query)
    assert (status, refusal["error"]["code"]) == (400, "InvalidRequest")


def test_a_next_is_good_for_its_own_question_as_it_came(account: Account) -> None:
    for number in range(app.LISTED + 1):
        _add(number)
    _, first = _list(label="gear")
    good = first["next"]
    assert _list(label="gear", next=good)[0] == 200
    assert _list(label="bolt", next=good)[0] == 400
    assert _list(next=good)[0] == 400
    assert _list(label="gear", since="7d", next=good)[0] == 400
    other = {"A": "B"}
    for place in range(len(good)):
        tampered = good[:place] + other.get(good[place], "A") + good[place + 1 :]
        assert _list(label="gear", next=tampered)[0] == 400
    for tampered in (good + "=", good + "A", good[:-1], f"{good[:5]}!{good[5:]}"):
        assert _list(label="gear", next=tampered)[0] == 400


def test_a_next_that_somebody_made_up_is_refused_where_it_leads_nowhere(account: Account) -> None:
    for since, after in (("x", "2026-11-21"), ("2026-11-21", "x")):
        made_up = app.Position(since=since, until="2026-11-21", after=after)
        assert _list(next=made_up.as_text({}))[0] == 400
    nothing = base64.urlsafe_b64encode(bytes(20)).decode().rstrip("=")
    assert _list(next=nothing)[0] == 400


def test_reviewers_may_not_read_what_they_are_to_judge(account: Account) -> None:
    status, refusal = _answer("reviewer")
    assert (status, refusal["error"]["code"]) == (403, "NotAllowed")


def test_operators_ask_by_key(account: Account) -> None:
    assert _answer("key") == (200, {"detections": []})


@pytest.mark.parametrize(
    ("code", "status"), [("ThrottlingException", 429), ("InternalServerError", 503)]
)
@pytest.mark.parametrize(
    ("operation", "query"),
    [
        ("dynamodb.Query", {}),
        ("dynamodb.BatchGetItem", {}),
        ("s3.ListObjectVersions", {"key": "images_for_detection/a.jpg"}),
    ],
)
def test_what_will_pass_is_told_so(
    account: Account, operation: str, query: dict[str, str], code: str, status: int
) -> None:
    _add(1)
    service, name = operation.split(".")

    def fail(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, name)

    account.hook(service, f"before-call.{operation}", fail)
    assert _list(**query)[0] == status
