"""Detection, from the event to the message, when any of its calls fails in any way."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence

from local.launch import wait_for
from tests.faults.conftest import Intake
from tests.faults.places import FAILURES, Kind, all_at_once, places
from tests.stack import Stack, Uploaded


def test_wherever_detection_fails_there_is_one_record_one_task_and_the_message(
    serving_stack: Stack, intake: Intake
) -> None:
    found = places(
        serving_stack,
        lambda: intake.upload(1)[0],
        lambda upload: _detect(serving_stack, intake, [upload]),
    )
    assert {place.kind.function for place in found} >= {
        "DispatchEvents",
        "DetectLabels",
        "RequestReview",
        "",
    }
    scenarios = [(place, failure) for place in found for failure in place.failures()]
    uploads = intake.upload(len(scenarios))
    orders = [
        place.order(upload, failure)
        for (place, failure), upload in zip(scenarios, uploads, strict=True)
    ]
    with intake.patience(300), all_at_once(serving_stack, orders):
        _detect(serving_stack, intake, uploads)
    problems = _problems(serving_stack, uploads)
    assert not {
        f"{place.kind} #{place.number} {failure}": problems[upload.key]
        for (place, failure), upload in zip(scenarios, uploads, strict=True)
        if upload.key in problems
    }
    assert intake.dead() == 0


def test_a_message_that_cannot_be_sent_for_a_while_is_sent_later(
    serving_stack: Stack, intake: Intake
) -> None:
    (upload,) = intake.upload(1)
    publish = Kind("", "sns", "Publish").order(upload.detection_id, **FAILURES["failed"], times=4)
    with intake.patience(100), all_at_once(serving_stack, [publish]):
        _detect(serving_stack, intake, [upload])
    assert not _problems(serving_stack, [upload])


def test_events_that_come_again_and_in_any_order_make_one_record_for_each_version(
    serving_stack: Stack, intake: Intake
) -> None:
    uploads = intake.upload(3, "replaced")
    with intake.closed():
        uploads += [serving_stack.upload(old.key, serving_stack.new_image()) for old in uploads]
    events = [*uploads, *uploads, *uploads]
    random.Random(7).shuffle(events)
    intake.report(events)
    wait_for(lambda: not _problems(serving_stack, uploads, per_key=2), "every version")
    serving_stack.wait_until_idle()
    assert not _problems(serving_stack, uploads, per_key=2)


def _detect(stack: Stack, intake: Intake, uploads: Sequence[Uploaded]) -> None:
    """Report the images and wait until nothing is left to do about them."""
    intake.report(uploads)
    try:
        wait_for(lambda: not _problems(stack, uploads), "every image", every_s=2.0)
    except TimeoutError as error:
        raise AssertionError(_problems(stack, uploads)) from error
    stack.wait_until_idle()


def _problems(
    stack: Stack, uploads: Sequence[Uploaded], per_key: int = 1
) -> Mapping[str, Mapping[str, object]]:
    """What is not as it should be about each doubtful image: nothing, in the end."""
    log = stack.records("images_for_detection/")
    records = Counter(record["key"] for record in log)
    by_id = {record["detection_id"]: record for record in log}
    tasks = Counter(task["detection_id"] for task in stack.tasks())
    told = {
        mail["attributes"]["detection_id"]
        for mail in stack.local.control("GET", "mail")
        if mail["topic"] == stack.outputs["ConsumerTopic"]
    }
    states = {
        upload: {
            "records": records[upload.key],
            "outcome": by_id.get(upload.detection_id, {}).get("outcome"),
            "task": by_id.get(upload.detection_id, {}).get("human_loop"),
            "tasks": tasks[upload.detection_id],
            "told": upload.detection_id in told,
        }
        for upload in uploads
    }
    return {
        upload.key: state
        for upload, state in states.items()
        if state
        != {
            "records": per_key,
            "outcome": "review",
            "task": upload.task_id,
            "tasks": 1,
            "told": True,
        }
    }
