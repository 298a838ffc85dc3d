"""Hosting a model and asking it: statuses, throughput, confidences, refused images."""

import io
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from labelloop_pages import machine_parts
from local.rekognition import ServiceError
from tests import cases
from tests.unit.local.rekognition.conftest import Running
from tests.unit.local.rekognition.support import BUCKET, Client, draw_lines, encode

DEFAULT_MINIMUM_CONFIDENCE_PCT = 70.0


def draw(label: str, seed: int) -> bytes:
    return encode(machine_parts.draw(label, random.Random(seed)))


def surest(running: Running, image: bytes) -> dict[str, Any]:
    running.client.clock.advance(1)
    return running.client.detect(running.version, image, MinConfidence=0)[0]


def test_most_fresh_images_get_their_label_and_many_of_them_surely(running: Running) -> None:
    answers = [
        (label, surest(running, draw(label, seed)))
        for label in machine_parts.LABELS
        for seed in range(100, 110)
    ]
    right = [answer for label, answer in answers if answer["Name"] == label]
    sure = [x for x in right if x["Confidence"] >= DEFAULT_MINIMUM_CONFIDENCE_PCT]
    assert len(right) >= 0.65 * len(answers)
    assert len(sure) >= 0.35 * len(answers)


def test_images_unlike_the_training_images_are_doubtful(running: Running) -> None:
    rng = random.Random(7)
    unrelated = [encode(machine_parts.draw_unrelated(rng)) for _ in range(20)]
    confidences = [surest(running, image)["Confidence"] for image in unrelated]
    assert max(confidences) < DEFAULT_MINIMUM_CONFIDENCE_PCT


def test_every_label_is_given_for_minimum_confidence_0_surest_first(running: Running) -> None:
    found = running.client.detect(running.version, draw("bolt", 1), MinConfidence=0)
    confidences = [label["Confidence"] for label in found]
    assert {label["Name"] for label in found} == set(machine_parts.LABELS)
    assert confidences == sorted(confidences, reverse=True)
    assert "Geometry" not in found[0]


def test_minimum_confidence_and_maximum_results_cut_the_list(running: Running) -> None:
    image = draw("bolt", 1)
    everything = running.client.detect(running.version, image, MinConfidence=0)
    middle = everything[1]["Confidence"]
    detect = running.client.detect
    assert detect(running.version, image, MinConfidence=middle) == everything[:2]
    assert detect(running.version, image, MinConfidence=0, MaxResults=1) == everything[:1]
    assert detect(running.version, image, MinConfidence=100) == []


def test_without_minimum_confidence_each_label_has_its_own_threshold(running: Running) -> None:
    version = running.client.describe_version(running.project, "v1")
    summary = running.client.store.read_json(version["EvaluationResult"]["Summary"]["S3Object"])
    thresholds_pct = {
        result["Label"]: result["Metrics"]["Threshold"] * 100
        for result in summary["LabelEvaluationResults"]
    }
    for seed in range(4):
        running.client.clock.advance(1)
        image = draw("gear", seed)
        everything = running.client.detect(running.version, image, MinConfidence=0)
        expected = [x for x in everything if x["Confidence"] >= thresholds_pct[x["Name"]]]
        assert running.client.detect(running.version, image) == expected


def test_an_image_can_come_from_s3(running: Running) -> None:
    running.client.store.put(
        BUCKET, "detect/ä b.png", encode(machine_parts.draw("nut", random.Random(1)), "PNG")
    )
    answer = running.client.call(
        "DetectCustomLabels",
        ProjectVersionArn=running.version,
        Image={"S3Object": {"Bucket": BUCKET, "Name": "detect/ä b.png"}},
        MinConfidence=0,
    )
    assert len(answer["CustomLabels"]) == 4


def test_a_missing_or_forbidden_s3_image_is_an_invalid_s3_object(running: Running) -> None:
    running.client.store.forbidden.add("detect/secret.jpg")
    for name in ("detect/none.jpg", "detect/secret.jpg"):
        with pytest.raises(ServiceError, match="InvalidS3ObjectException"):
            running.client.call(
                "DetectCustomLabels",
                ProjectVersionArn=running.version,
                Image={"S3Object": {"Bucket": BUCKET, "Name": name}},
            )


def plain(width: int, height: int, file_format: str = "PNG") -> bytes:
    return encode(Image.new("RGB", (width, height), "grey"), file_format)


def damaged() -> bytes:
    return draw("bolt", 1)[:2000]


def padded(size: int) -> bytes:
    file = io.BytesIO(plain(64, 64))
    file.seek(0, io.SEEK_END)
    file.write(b"\0" * (size - file.tell()))
    return file.getvalue()


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (b"GIF89a", "InvalidImageFormatException"),
        (plain(100, 100, "GIF"), "InvalidImageFormatException"),
        (damaged(), "InvalidImageFormatException"),
        (plain(4097, 400), "ImageTooLargeException"),
        (padded(4 * 1024 * 1024 + 1), "ImageTooLargeException"),
        (plain(63, 400), "InvalidParameterException"),
        (plain(1400, 64), "InvalidParameterException"),
        (b"", "InvalidParameterException"),
    ],
    ids=["text", "gif", "damaged", "4097px", "4MB", "63px", "long", "empty"],
)
def test_an_image_outside_the_limits_is_refused(running: Running, image: bytes, code: str) -> None:
    with pytest.raises(ServiceError, match=code):
        running.client.detect(running.version, image)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (1280, 64), (4096, 300)])
def test_an_image_at_the_limits_is_taken(running: Running, width: int, height: int) -> None:
    assert running.client.detect(running.version, plain(width, height), MinConfidence=0)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_images_of_every_colour_mode_are_taken(running: Running, mode: str) -> None:
    image = machine_parts.draw("nut", random.Random(3)).convert(mode)
    encoded = encode(image, "JPEG" if mode == "CMYK" else "PNG")
    assert running.client.detect(running.version, encoded, MinConfidence=0)


def test_21_sixteen_bit_gray_png(running: Running) -> None:
    images = [cases.read("21", name) for name in ("gray16.png", "gray8.png")]
    deep, flat = (surest(running, image) for image in images)
    assert deep["Name"] == flat["Name"]
    assert deep["Confidence"] == pytest.approx(flat["Confidence"], abs=0.1)


def test_damage_that_decoders_pass_over_does_not_matter(running: Running) -> None:
    image = encode(machine_parts.draw("nut", random.Random(3)), "PNG")
    damaged = image[:33] + b"\0\0\0\1tEXtx" + bytes(4) + image[33:]
    assert running.client.detect(running.version, damaged, MinConfidence=0)


@pytest.mark.parametrize(
    "image", [{}, {"S3Object": {"Bucket": BUCKET}}, {"Bytes": "AAAA", "S3Object": {}}]
)
def test_an_image_must_have_one_source(running: Running, image: dict[str, Any]) -> None:
    with pytest.raises(ServiceError, match="InvalidParameterException"):
        running.client.call("DetectCustomLabels", ProjectVersionArn=running.version, Image=image)


def test_an_inference_unit_takes_five_images_a_second(running: Running) -> None:
    image = draw("bolt", 1)
    for _ in range(2):
        running.client.clock.advance(1)
        for _ in range(5):
            running.client.detect(running.version, image)
        with pytest.raises(ServiceError, match="ProvisionedThroughputExceededException"):
            running.client.detect(running.version, image)
    running.client.clock.advance(0.21)
    running.client.detect(running.version, image)


def test_many_threads_may_detect_at_once(running: Running) -> None:
    images = [draw("gear", seed) for seed in range(20)]

    def detect(image: bytes) -> str:
        try:
            return str(running.client.detect(running.version, image, MinConfidence=0)[0]["Name"])
        except ServiceError as error:
            return error.code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(detect, images))
    assert answers.count("ProvisionedThroughputExceededException") == 15


def train_three(client: Client) -> list[str]:
    train = draw_lines(client.store, "train", 1, 1, ("bolt", "gear"))
    project = client.create_project_with_datasets("parts", train, train)
    return [client.train(project, name)["ProjectVersionArn"] for name in ("a", "b", "c")]


def test_a_model_starts_runs_stops_and_starts_again(client: Client) -> None:
    train = draw_lines(client.store, "train", 1, 1, ("bolt", "gear"))
    project = client.create_project_with_datasets("parts", train, train)
    version = client.train(project)["ProjectVersionArn"]
    image = draw("bolt", 1)

    def expect(status: str) -> None:
        assert client.describe_version(project, "v1")["Status"] == status

    with pytest.raises(ServiceError, match="ResourceNotReadyException"):
        client.detect(version, image)
    for units in (1, 2):
        start = {"ProjectVersionArn": version, "MinInferenceUnits": units, "MaxInferenceUnits": 3}
        assert client.call("StartProjectVersion", **start) == {"Status": "STARTING"}
        for operation in ("StopProjectVersion", "DeleteProjectVersion"):
            with pytest.raises(ServiceError, match="ResourceInUseException"):
                client.call(operation, ProjectVersionArn=version)
        with pytest.raises(ServiceError, match="ResourceNotReadyException"):
            client.detect(version, image)
        client.clock.advance(600)
        expect("RUNNING")
        described = client.describe_version(project, "v1")
        assert (described["MinInferenceUnits"], described["MaxInferenceUnits"]) == (units, 3)
        assert "F1Score" in described["EvaluationResult"]
        with pytest.raises(ServiceError, match="ResourceInUseException"):
            client.call("StartProjectVersion", **start)
        for _ in range(5 * units):
            client.detect(version, image)
        with pytest.raises(ServiceError, match="ProvisionedThroughputExceededException"):
            client.detect(version, image)
        stopped = client.call("StopProjectVersion", ProjectVersionArn=version)
        assert stopped == {"Status": "STOPPING"}
        with pytest.raises(ServiceError, match="ResourceNotReadyException"):
            client.detect(version, image)
        client.clock.advance(120)
        expect("STOPPED")


def test_a_third_running_model_is_refused(client: Client) -> None:
    first, second, third = train_three(client)
    for version in (first, second):
        client.call("StartProjectVersion", ProjectVersionArn=version, MinInferenceUnits=1)
    with pytest.raises(ServiceError, match="LimitExceededException"):
        client.call("StartProjectVersion", ProjectVersionArn=third, MinInferenceUnits=1)
    client.clock.advance(600)
    client.call("StopProjectVersion", ProjectVersionArn=first)
    with pytest.raises(ServiceError, match="LimitExceededException"):
        client.call("StartProjectVersion", ProjectVersionArn=third, MinInferenceUnits=1)
    client.clock.advance(120)
    client.call("StartProjectVersion", ProjectVersionArn=third, MinInferenceUnits=1)


@pytest.mark.parametrize(
    ("units", "code"),
    [
        ({"MinInferenceUnits": 0}, "InvalidParameterException"),
        ({"MinInferenceUnits": 6}, "LimitExceededException"),
        ({"MinInferenceUnits": 1, "MaxInferenceUnits": 6}, "LimitExceededException"),
        ({"MinInferenceUnits": 2, "MaxInferenceUnits": 1}, "InvalidParameterException"),
    ],
)
def test_inference_units_are_one_to_five(
    running: Running, units: dict[str, int], code: str
) -> None:
    with pytest.raises(ServiceError, match=code):
        running.client.call("StartProjectVersion", ProjectVersionArn=running.version, **units)


def test_an_unknown_version_is_not_found(client: Client) -> None:
    arn = "arn:aws:rekognition:eu-west-1:123456789012:project/x/version/v/1"
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        client.detect(arn, draw("bolt", 1))
