"""InspectImages: what the images of a batch are, read once."""

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError, ResponseStreamingError
from PIL import Image

from functions.inspect_images.app import lambda_handler
from labelloop.aws import objects
from labelloop.domain import origins, splits
from labelloop.domain.fitness import RULES
from labelloop.domain.inspections import Inspected, ToInspect
from labelloop.domain.origins import GIVEN, Origin, Provenance
from labelloop.errors import ServiceFailedError
from labelloop.services import training_data
from labelloop.services.image_inspection import TRIES
from tests import cases, images
from tests.unit.account import REGION, Account, Context, Json, event
from tests.unit.functions.preparation import RUN, inspect, png

FOLDER = "images_labeled_by_folder/cat/"


def _inspect(account: Account, *wanted: ToInspect) -> dict[str, Inspected]:
    (batch,) = training_data.write_batches(RUN, wanted)
    answer: Json = lambda_handler({"batch": batch}, Context())
    assert answer["images"] <= len(wanted)
    return training_data.inspected(training_data.images())


def test_an_image_is_known_by_its_content_and_size(account: Account) -> None:
    account.put(f"{FOLDER}1.png", png("one"))
    told = _inspect(account, ToInspect(f"{FOLDER}1.png", "e"))[f"{FOLDER}1.png"]
    assert told.content == splits.content_id(png("one"), len(png("one")))
    assert (told.size_px, told.refusal) == ((320, 240), "")


def test_what_goes_with_an_image_is_remembered_and_what_does_not_is_left_open(
    account: Account,
) -> None:
    sampled = Provenance(Origin.SAMPLED, "d" * 32, "v1", True, 0.001)
    for name, metadata in (
        ("ours", origins.as_metadata(sampled, account.bucket)),
        ("theirs", origins.as_metadata(sampled, "another-stacks-bucket")),
        ("none", None),
    ):
        objects.write(f"{FOLDER}{name}.png", png(name), "image/png", metadata)
    told = _inspect(account, *(ToInspect(key, "e") for key in account.keys(FOLDER)))
    came = {key.removeprefix(FOLDER): one.provenance for key, one in told.items()}
    assert came == {"ours.png": sampled, "theirs.png": GIVEN, "none.png": None}


def test_a_size_that_stands_far_into_the_file_is_found(account: Account) -> None:
    image = Image.new("RGB", (300, 200), (9, 9, 9))
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "x" * 60_000
    image.save(buffer, "JPEG", exif=exif, icc_profile=b"y" * 200_000)
    account.put(f"{FOLDER}1.jpg", buffer.getvalue())
    told = _inspect(account, ToInspect(f"{FOLDER}1.jpg", "e"))[f"{FOLDER}1.jpg"]
    assert told.size_px == (300, 200)
    content = splits.content_id(buffer.getvalue()[: splits.CONTENT_BYTES], len(buffer.getvalue()))
    assert told.content == content


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "The file is empty."),
        (b"<html>", "neither a PNG nor a JPEG"),
        (b"\xff\xd8\xff\xe0\x00", "width and height cannot be read"),
        (png("x", 5000, 4000), "5000 x 4000 px"),
        (png("x")[:-20], "cut off"),
        (images.draw("circle", 1)[:-1000], "cut off"),
    ],
)
def test_what_the_service_would_refuse_is_remembered_with_the_reason(
    account: Account, body: bytes, reason: str
) -> None:
    account.put(f"{FOLDER}1.png", body)
    told = _inspect(account, ToInspect(f"{FOLDER}1.png", "e"))[f"{FOLDER}1.png"]
    assert reason in told.refusal
    assert told.etag


def test_01_cut_off_image_blocks_every_deployment(account: Account) -> None:
    folder = cases.folder("01") / "images_labeled_by_folder"
    files = {f"{FOLDER}{file.name}": file.read_bytes() for file in folder.glob("warm/*.jpg")}
    for key, content in files.items():
        account.put(key, content)
    told = _inspect(account, *(ToInspect(key, "") for key in files))
    unfit = {key: one.refusal for key, one in told.items() if one.refusal}
    assert unfit == {f"{FOLDER}cut_off.jpg": "The file is cut off: its end is missing."}


def test_an_image_is_read_to_its_end_however_large(account: Account) -> None:
    stream = io.BytesIO()
    Image.effect_noise((3000, 2000), 90).save(stream, "JPEG", quality=95)
    content = stream.getvalue()
    assert len(content) > 2_500_000
    account.put(f"{FOLDER}whole.jpg", content)
    account.put(f"{FOLDER}part.jpg", content[:2_400_000])
    told = _inspect(account, *(ToInspect(f"{FOLDER}{name}.jpg", "") for name in ("whole", "part")))
    assert told[f"{FOLDER}whole.jpg"].refusal == ""
    assert told[f"{FOLDER}whole.jpg"].size_px == (3000, 2000)
    assert "cut off" in told[f"{FOLDER}part.jpg"].refusal


def test_how_a_camera_was_held_is_remembered(account: Account) -> None:
    account.put(f"{FOLDER}1.jpg", cases.read("05", "images/00.jpg"))
    told = _inspect(account, ToInspect(f"{FOLDER}1.jpg", "e"))[f"{FOLDER}1.jpg"]
    assert (told.size_px, told.orientation) == ((160, 120), 6)


def _failing(account: Account, error: Exception, times: int = 99) -> None:
    """Let reading an image fail so many times."""
    left = [times]

    def fail(params: Json, **_: Any) -> None:
        if params["Key"].endswith(".png") and left[0]:
            left[0] -= 1
            raise error

    account.hook("s3", "provide-client-params.s3.GetObject", fail)


def test_an_image_that_may_not_be_read_is_named_and_tried_again(account: Account) -> None:
    account.put(f"{FOLDER}1.png", png("one"))
    (listed,) = training_data.images()
    answer: Any = {"Error": {"Code": "InvalidObjectState", "Message": "It is archived."}}
    _failing(account, ClientError(answer, "GetObject"))
    told = _inspect(account, ToInspect(listed.key, listed.etag))[listed.key]
    assert told.refusal == "It may not be read: It is archived."
    assert told.rules != RULES
    account.unhook()
    assert inspect()["images"] == 1
    assert training_data.inspected([listed])[listed.key].refusal == ""


@pytest.mark.parametrize("times", [TRIES - 1, TRIES])
def test_an_answer_that_breaks_off_is_asked_for_again(account: Account, times: int) -> None:
    account.put(f"{FOLDER}1.png", png("one"))
    _failing(account, ResponseStreamingError(error="It broke off."), times)
    if times == TRIES:
        with pytest.raises(ServiceFailedError):
            _inspect(account, ToInspect(f"{FOLDER}1.png", "e"))
    else:
        told = _inspect(account, ToInspect(f"{FOLDER}1.png", "e"))
        assert told[f"{FOLDER}1.png"].refusal == ""


def test_an_image_that_was_deleted_meanwhile_is_passed_over(account: Account) -> None:
    assert _inspect(account, ToInspect(f"{FOLDER}gone.png", "e")) == {}


def test_an_image_elsewhere_is_copied_in_first(account: Account) -> None:
    s3 = account.boto3("s3")
    s3.create_bucket(
        Bucket="camera-archive", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    s3.put_object(Bucket="camera-archive", Key="a b+c.png", Body=png("archive"))
    there = ToInspect("images_imported/camera-archive/a b+c.png", "", "camera-archive", "a b+c.png")
    gone = ToInspect("images_imported/camera-archive/d.png", "", "camera-archive", "d.png")
    told = _inspect(account, there, gone)
    assert account.read(there.key) == png("archive")
    assert told[there.key].size_px == (320, 240)
    assert "s3://camera-archive/d.png, which does not exist" in told[gone.key].refusal


def test_a_batch_that_was_inspected_before_is_done(account: Account) -> None:
    assert lambda_handler(event("inspect_images.batch"), Context()) == {"images": 0}
