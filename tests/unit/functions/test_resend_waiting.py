"""ResendWaiting: whatever waited goes round again."""

from functions.detect_labels.app import Input
from functions.resend_waiting.app import lambda_handler
from labelloop import clock
from labelloop.aws import told_news
from labelloop.domain.detections import Outcome, detection_id
from labelloop.domain.images import ImageObject
from labelloop.domain.mails.about_hosting import IMAGES_WAITING_ONCE
from tests.unit import inference_log
from tests.unit.account import Account, Context


def _wait(number: int, version_id: str | None = "v") -> str:
    image = ImageObject("b", f"images_for_detection/{number}.jpg", version_id, "etag", 100 + number)
    detection = detection_id(image)
    inference_log.record(detection, Outcome.WAITING, image.__dict__, clock.now())
    return detection


def _sent(account: Account) -> list[str]:
    """The detections that the messages in the queue lead to."""
    events = account.queued_for_detection()
    return sorted(detection_id(Input.from_event(event).image()) for event in events)


def test_every_waiting_image_comes_round_as_the_same_detection(account: Account) -> None:
    waiting = [_wait(number) for number in range(23)] + [_wait(23, version_id=None)]
    inference_log.record("f" * 32, Outcome.REVIEW, {"key": "a.jpg"}, clock.now())
    for _ in range(2):
        assert lambda_handler({}, Context()) == {"resent": 24}
        assert _sent(account) == sorted(waiting)


def test_when_nothing_waits_nothing_is_sent(account: Account) -> None:
    assert lambda_handler({}, Context()) == {"resent": 0}
    assert _sent(account) == []


def test_the_operator_will_hear_of_it_again_should_images_wait_again(account: Account) -> None:
    assert told_news.begin(IMAGES_WAITING_ONCE, "one", {})
    told_news.told(IMAGES_WAITING_ONCE)
    lambda_handler({}, Context())
    assert told_news.begin(IMAGES_WAITING_ONCE, "another", {})
