"""Learning to reject: from answers "None of the Above" to images that are accepted as such."""

import io
import json
import random
from collections.abc import Iterator

import pytest
from PIL import Image, ImageDraw

from labelloop.domain.accuracy import LEAST_ANSWERS
from labelloop.domain.labels import NONE_OF_THEM, SHOWN_AS_NONE
from local.launch import wait_for
from tests import images
from tests.stack import Record, Stack, Uploaded, launched, train_first_model

TAUGHT = 10
NONE = json.dumps(
    {
        "humanAnswers": [
            {"workerId": "w", "answerContent": {"label": {"label": "None of the Above"}}}
        ]
    }
).encode()
"""What people's answers are, by either backend."""


@pytest.fixture(scope="module")
def rejecting() -> Iterator[Stack]:
    """A stack whose second version has learnt from answers that images are none of its labels."""
    with launched(settings={"Train-None-Of-The-Above": "true"}) as stack:
        first = train_first_model(stack, 15)
        for upload in [_detect_unrelated(stack) for _ in range(TAUGHT)]:
            stack.wait_for_record(upload, "review")
            _say_none(stack, upload)
        stack.wait_until_idle()
        stack.run("model_training", {"force": True})
        assert stack.deployed() not in {None, first}, stack.operator_mails()
        yield stack


def test_what_is_none_of_the_labels_goes_to_people_until_they_have_said_enough(
    rejecting: Stack,
) -> None:
    uploads = [_detect_unrelated(rejecting) for _ in range(LEAST_ANSWERS)]
    for upload in uploads:
        record = rejecting.wait_for_record(upload, "review")
        assert record["label"] == NONE_OF_THEM
        assert record["confidence_pct"] >= record["minimum_confidence_pct"]
        _say_none(rejecting, upload)
    wait_for(lambda: len(_answers(rejecting)) >= LEAST_ANSWERS, "the answers")
    assert all(answer["right"] for answer in _answers(rejecting))
    assert "accepted; some are sampled" in rejecting.labelloop("status").output
    rejecting.leap(61)  # so long what was read before may be remembered

    accepted = _detect_unrelated(rejecting)
    record = rejecting.wait_for_record(accepted, "confident")
    assert record["label"] == NONE_OF_THEM
    assert "human_loop" not in record
    (shown,) = json.loads(rejecting.labelloop("log", accepted.key, "--json").stdout)
    assert shown["label"] == SHOWN_AS_NONE
    known = rejecting.detect("circle")
    assert rejecting.wait_for_record(known, "confident")["label"] == "circle"


def test_more_of_it_is_sampled_than_of_the_rest(rejecting: Stack) -> None:
    with rejecting.sampling(20):
        uploads = [_detect_unrelated(rejecting) for _ in range(2)]
        for upload in uploads:
            rejecting.wait_for_record(upload, "confident")
        rejecting.leap(310)
        assert rejecting.run("human_sampling").status == "SUCCEEDED"
    sampled = [upload for upload in uploads if rejecting.record(upload).get("sampled")]
    assert len(sampled) == 1, "every second one, where every twentieth of the rest is"
    assert float(rejecting.record(sampled[0])["chance"]) == 0.5
    _say_none(rejecting, sampled[0])
    wait_for(
        lambda: (
            sampled[0].detection_id in {answer["detection_id"] for answer in _answers(rejecting)}
        ),
        "the answer",
    )


def _detect_unrelated(stack: Stack) -> Uploaded:
    """Upload a new image for detection that shows nothing of what the labels are."""
    (number,) = stack.numbers(1)
    return stack.upload(f"images_for_detection/unrelated-{number}.jpg", _draw_unrelated(number))


def _draw_unrelated(number: int) -> bytes:
    rng = random.Random(f"unrelated {number}")
    image = Image.new("RGB", (images.SIZE_PX, images.SIZE_PX), (30, 120, 60))
    pen = ImageDraw.Draw(image)
    left, top = rng.randrange(10, 30), rng.randrange(10, 30)
    pen.polygon([(left, top + 80), (left + 40, top), (left + 80, top + 80)], fill=(240, 240, 250))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _say_none(stack: Stack, upload: Uploaded) -> None:
    stack.upload(f"a2i-human-loop-data/x/{upload.task_id}/output.json", NONE)
    stack.wait_for_record(upload, has="agreement")


def _answers(stack: Stack) -> list[Record]:
    noted = stack.item("ModelVersionsTable", kind="state", name="none_answers")
    answers: list[Record] = noted.get("answers", [])
    return answers
