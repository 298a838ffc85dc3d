"""labelloop.services.forgetting: an image, or a person's name, is erased wherever it is."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from labelloop import clock
from labelloop.aws import (
    detections,
    erasures,
    forgotten_detections,
    model_versions,
    none_answers,
    object_versions,
    objects,
    review_tasks,
    sampled_answers,
    told_news,
    training_lock,
)
from labelloop.aws import model_versions_table as table
from labelloop.aws.clients import client
from labelloop.aws.items import from_item, to_item
from labelloop.aws.review_tasks import Person as Reviewer
from labelloop.aws.training_lock import Lock
from labelloop.aws.wiring import wiring
from labelloop.domain import archive, human_loops, splits
from labelloop.domain.accuracy import Sample
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome, detection_id
from labelloop.domain.forgetting import Images, Person
from labelloop.domain.forgetting_work import Work, what_stays
from labelloop.domain.human_loops import Answer, TimedAnswer
from labelloop.domain.image_labels import Label
from labelloop.domain.images import ImageObject
from labelloop.domain.manifests import labelled_key, reviewed_manifest
from labelloop.domain.model_versions import Entries, VersionRecord
from labelloop.domain.rejection import NoneAnswer
from labelloop.domain.review_tasks import Given, ReviewTask
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import InvalidRequestError, ServiceFailedError, TrainingInProgressError
from labelloop.services.forgetting import erasing, find_images, find_person
from labelloop.settings import Variable
from tests.unit.account import Account, refuses, version_arn
from tests.unit.inference_log import note
from tests.unit.whole_account import naming, texts

KEYS = [
    "images_for_detection/a/1.jpg",
    "images_for_detection/Käfer 3 é.jpg",
    "images_for_detection/two\nlines.jpg",
    'images_for_detection/"quoted" \\ +%20.jpg',
    "images_for_detection/nosuffix",
    "images_for_detection/" + "long/" * 40 + "end.jpg",
]
ANN, BOB = "ann@example.com", "joann@example.com"


def picture(text: str) -> bytes:
    """Of a length that all have."""
    return b"\xff\xd8\xff" + text.encode().ljust(100, b".")


@dataclass
class Traces:
    """An image, and what a stack has come to know of it."""

    key: str
    body: bytes
    detection: str
    copy: str

    @property
    def content(self) -> str:
        return splits.content_id(self.body, len(self.body))

    @property
    def names(self) -> tuple[str, ...]:
        return (self.key, self.copy, self.content)


def leave_traces(account: Account, key: str, body: bytes, day: str = "2026-11-20") -> Traces:
    """Let an image be detected, reviewed, copied, trained and archived."""
    bucket = account.bucket
    old_version = account.put(key, picture(f"before {key}"))
    version_id = account.put(key, body)
    etag = objects.latest(key).image.etag
    image = ImageObject(bucket, key, version_id, etag, len(body))
    detection = detection_id(image)
    copy = labelled_key("cat", detection, key)
    account.put(copy, body)
    now = clock.now()
    record = replace(
        DetectionRecord.of(image),
        outcome=Outcome.REVIEW.value,
        version="v1",
        label="cat",
        confidence_pct=40.0,
        labels=(Label("cat", 40.0),),
        human_loop=f"detection-{detection}",
        senders=frozenset({"sub-of-nobody"}),
    )
    detections.record_once(record, now)
    note(detection, {"copy_keys": {copy}, "copied_key": copy, "review_problem": f"{key} is gone."})
    of_old = replace(DetectionRecord.of(replace(image, version_id=old_version)), outcome="rejected")
    detections.record_once(of_old, now)
    task = ReviewTask(
        f"detection-{detection}",
        detection,
        bucket,
        key,
        version_id,
        ModelType.CLASSIFICATION,
        (Label("cat", 40.0),),
        1,
        now,
    )
    review_tasks.create_once(task, now)
    content = {"image": f"s3://{bucket}/{key}", "taskObject": f"s3://{bucket}/{key}"}
    said = TimedAnswer(Answer("somebody", Annotation.of_labels(["cat"])), now, now, "pool")
    loop = f"detection-{detection}"
    output = human_loops.write(loop, content, [said], ModelType.CLASSIFICATION)
    objects.write_json(human_loops.output_key(loop, now), output)
    # Of another backend's naming, where nothing but the content tells.
    objects.write_json("a2i-human-loop-data/flow/2026/loop-1/output.json", output)
    account.put(reviewed_manifest(detection), _line(bucket, copy))
    sampled_answers.note("v1", detection, Sample(("cat",), True), "2026-11-20T10:00:00Z")
    none_answers.note(NoneAnswer(detection, "v1", 50.0, True, "2026-11-20T10:00:00Z"))
    told_news.begin(f"answer-{detection}", "teller", {"facts": {"lines": [f"About {key}: bad."]}})
    account.boto3("dynamodb").put_item(
        TableName=wiring[Variable.MODEL_VERSIONS_TABLE],
        Item=to_item(
            {
                "kind": "state",
                "name": "sampling",
                "after": f"2026-11-20T10:00:00.000Z#{detection}",
                "since_last": 3,
            }
        ),
    )
    account.boto3("sqs").send_message(
        QueueUrl=wiring[Variable.DETECTION_QUEUE_URL], MessageBody=image.event("Image Missed")
    )
    return Traces(key, body, detection, copy)


def _line(bucket: str, key: str) -> bytes:
    line = {"source-ref": f"s3://{bucket}/{key}", "cat": 1, "cat-metadata": {"class-name": "cat"}}
    return json.dumps(line).encode() + b"\n"


def write_shared(account: Account, traced: list[Traces], others: list[str]) -> None:
    """Let files of the stack's own name all of these images."""
    bucket, files = account.bucket, VersionFiles("v1-0a1b2c3d")
    keys = [each.copy for each in traced] + others
    contents = {each.copy: each.content for each in traced}
    contents |= {one: traced[0].content for one in others if one.endswith("twin.jpg")}
    index = [
        {"key": key, "etag": "e", "content": contents.get(key, f"{'0' * 64}-7"), "split": "train"}
        for key in keys
    ]
    for _ in range(2):  # Two versions of each: the bucket keeps the old one.
        for key in (files.train_manifest, files.test_manifest, "manifests/imported/mine.jsonl"):
            account.put(key, b"".join(_line(bucket, one) for one in keys))
        for key in (files.index, "manifests/inspected/all.jsonl"):
            account.put(key, "".join(f"{json.dumps(one)}\n" for one in index).encode())
        left_out = [
            {"key": key, "etag": "e", "shown": "", "reason": f"{key} is bad"} for key in keys
        ]
        lines = [json.dumps(one, ensure_ascii=False) for one in left_out]
        account.put(files.left_out, "\n".join(lines).encode())
        report = {
            "version": files.version,
            "reasons": [f"It is wrong about {keys[0]}, and s3://{bucket}/{keys[0]}."],
            "data": {
                "left_out": {
                    "examples": [{"key": key, "reason": f"{key} is cut off"} for key in keys],
                    "by_reason": {f"{key} is cut off": 1 for key in keys},
                },
                "under_several_labels": {"examples": [[key, "images/other.jpg"] for key in keys]},
            },
        }
        objects.write_json(files.report, report)
        answers = "".join(json.dumps({"content": one["content"]}) + "\n" for one in index)
        account.put(files.answers, answers.encode())
        raw = b"".join(b"no json " + key.encode() + b"\n" for key in keys)
        account.put("manifests/imported/broken.manifest", raw)
    told = "".join(
        json.dumps({"detection_id": each.detection, "bucket": bucket, "key": each.key}) + "\n"
        for each in traced
    )
    other = json.dumps({"detection_id": "f" * 32, "bucket": bucket, "key": "images/x.jpg"}) + "\n"
    body = gzip.compress((told + other).encode())
    account.put(archive.object_key(f"{clock.now():%Y-%m-%d}", "one"), body)
    records = [
        {"dynamodb": {"NewImage": {"detection_id": {"S": one}, "label": {"S": "cat"}}}}
        for one in [*(each.detection for each in traced), "f" * 32]
    ]
    failed = {"payload": json.dumps({"Records": records})}
    account.put("aws/lambda/1/failed", json.dumps(failed).encode())
    ledger = "".join(
        json.dumps({"content": each.content, "split": "test"}) + "\n" for each in traced
    )
    account.put(splits.LEDGER_KEY, ledger.encode())
    sentence = f"Rekognition refuses {keys[0]}: mend it."
    sent = Entries(3, 2, (sentence,))
    model_versions.add(
        VersionRecord(name=files.version, number=1, reasons=(sentence,), entries_train=sent)
    )


def new_work() -> Work:
    """Nothing that is to be done yet."""
    return Work("1", clock.iso(clock.now()), "arn:of:operator", Images(objects.bucket()))


def forget(*given: str, only_these: bool = False, queues: tuple[str, ...] = ()) -> Work:
    """Do what the command does, after what was begun."""
    for begun in erasing.begun():
        erasing.erase(begun, queues, ())
    work = find_images.find(new_work(), given, only_these=only_these)
    if not work.is_empty:
        erasing.write_down(work)
        erasing.erase(work, queues, ())
    return work


def snapshot(account: Account) -> dict[str, list[str]]:
    """All objects' current content, by key, and the items, as text."""
    found = {key: [account.read(key).decode(errors="replace")] for key in account.keys("")}
    tables = ("DetectionsTable", "ReviewTasksTable", "ModelVersionsTable")
    return {**found, **{name: list(map(str, account.items(name))) for name in tables}}


def ledger_left_out(where: list[str]) -> list[str]:
    return [place for place in where if not place.startswith(splits.LEDGER_KEY)]


@pytest.mark.parametrize("key", KEYS)
def test_no_byte_of_an_images_names_is_left_anywhere(account: Account, key: str) -> None:
    image = leave_traces(account, key, picture(key))
    write_shared(account, [image], ["images_labeled_by_folder/cat/other.jpg"])
    assert len(naming(account, *image.names)) > 20

    work = forget(key)

    assert ledger_left_out(naming(account, *image.names)) == []
    # That it is forgotten is noted by its id, which tells nothing.
    left = naming(account, image.detection)
    assert left == ["ModelVersionsTable"]
    assert work.trained == ["v1-0a1b2c3d"]
    (noted,) = erasures.noted()
    assert noted["by"] == "arn:of:operator" and noted["counts"]["records"] == 2
    assert account.read("manifests/imported/mine.jsonl").count(b"source-ref") == 1
    assert b"other.jpg" in account.read("manifests/imported/broken.manifest")
    report = json.loads(account.read(VersionFiles("v1-0a1b2c3d").report))
    assert report["reasons"] == ["It is wrong about a forgotten image, and a forgotten image."]
    assert set(report["data"]["left_out"]["by_reason"]) == {
        "a forgotten image is cut off",
        "images_labeled_by_folder/cat/other.jpg is cut off",
    }
    day = archive.object_key(f"{clock.now():%Y-%m-%d}", "one")
    assert json.loads(gzip.decompress(objects.read(day)))["detection_id"] == "f" * 32
    (kept,) = json.loads(json.loads(account.read("aws/lambda/1/failed"))["payload"])["Records"]
    assert kept["dynamodb"]["NewImage"]["detection_id"]["S"] == "f" * 32


@pytest.mark.parametrize(
    "say",
    [
        lambda image: image.key,
        lambda image: f"s3://{objects.bucket()}/{image.key}",
        lambda image: image.detection,
        lambda image: image.content,
        lambda image: image.copy,
    ],
    ids=["key", "address", "detection", "content", "copy"],
)
def test_an_image_is_found_by_any_of_its_names(
    account: Account, say: Callable[[Traces], str]
) -> None:
    image = leave_traces(account, KEYS[0], picture("x"))
    write_shared(account, [image], [])

    work = forget(say(image))

    assert ledger_left_out(naming(account, image.copy, image.content)) == []
    assert not detections.find(image.detection)
    bodies = [text for where, text in texts(account) if where.startswith(image.key)]
    assert not any(image.body.decode(errors="replace") in text for text in bodies)
    # By what it is, and not by the key, the picture that was there before stays.
    is_key_named = image.key in work.images
    assert is_key_named == (say(image) in {image.detection, *_names_of_key(image)})
    assert bool(naming(account, image.key)) != is_key_named


def _names_of_key(image: Traces) -> set[str]:
    return {image.key, f"s3://{objects.bucket()}/{image.key}"}


@pytest.mark.parametrize(
    "other",
    [
        KEYS[0] + ".jpg",
        KEYS[0] + " copy.jpg",
        KEYS[0] + "/2.jpg",
        "old/" + KEYS[0],
        KEYS[0].upper(),
        "images_for_detection/a/1.jp",
        "images_for_detection/a",
    ],
)
def test_another_image_whose_name_is_alike_is_never_touched(account: Account, other: str) -> None:
    image = leave_traces(account, KEYS[0], picture("x"))
    kept = leave_traces(account, other, picture("of another"))
    write_shared(account, [image, kept], [])
    before = naming(account, kept.copy, kept.content)
    places = naming(account, kept.key)

    forget(KEYS[0])

    assert ledger_left_out(naming(account, image.copy, image.content)) == []
    assert kept.body == account.read(kept.key) == account.read(kept.copy)
    assert detections.find(kept.detection) and review_tasks.exists(f"detection-{kept.detection}")
    index = account.read(VersionFiles("v1-0a1b2c3d").index)
    assert [json.loads(line)["key"] for line in index.splitlines()] == [kept.copy]
    left_out = account.read(VersionFiles("v1-0a1b2c3d").left_out)
    assert [json.loads(line)["key"] for line in left_out.splitlines()] == [kept.copy]
    mine = account.read("manifests/imported/mine.jsonl")
    assert mine == _line(account.bucket, kept.copy)
    assert before and places


def test_the_same_picture_under_another_name_goes_too_unless_it_is_to_stay(
    account: Account,
) -> None:
    twin, other = "images_labeled_by_folder/cat/twin.jpg", "images_labeled_by_folder/cat/mix.jpg"
    image = leave_traces(account, KEYS[0], picture("x"))
    account.put(twin, image.body)
    account.put(other, picture("somebody else"))
    account.put(other, image.body)
    write_shared(account, [image], [twin, other])

    alone = forget(KEYS[0], only_these=True)
    assert {twin, other}.isdisjoint(alone.images) and not alone.versions
    index = account.read(VersionFiles("v1-0a1b2c3d").index)
    assert [json.loads(line)["key"] for line in index.splitlines()] == [twin, other]
    work = forget(image.content)

    assert work.images == [twin] and [key for key, _ in work.versions] == [other]
    assert ledger_left_out(naming(account, image.content, twin)) == []
    bodies = [text for where, text in texts(account) if where.startswith(other)]
    assert any("somebody else" in text for text in bodies)
    assert not any(image.body.decode(errors="replace") in text for text in bodies)
    # The older picture does not count again of itself.
    assert account.keys(other) == []
    assert other.encode() in account.read("manifests/imported/mine.jsonl")


def test_of_a_key_that_is_written_over_no_other_picture_goes_with_a_twin_that_was_detected(
    account: Account,
) -> None:
    mixed, other = "images_for_detection/latest.jpg", "images_for_detection/other.jpg"
    image = leave_traces(account, KEYS[0], picture("x"))
    twin = _detected(account, mixed, image.body)
    later = _detected(account, mixed, picture("somebody else"))
    account.put(other, picture("somebody else"))

    work = forget(KEYS[0])

    assert [key for key, _ in work.versions] == [mixed] and not {mixed, other} & {*work.images}
    assert account.read(mixed) == account.read(other) == picture("somebody else")
    assert detections.find(later) and not detections.find(twin)


def _detected(account: Account, key: str, body: bytes) -> str:
    """Let an image be put there and be detected; its detection."""
    version_id = account.put(key, body)
    image = ImageObject(account.bucket, key, version_id, objects.latest(key).image.etag, len(body))
    record = replace(DetectionRecord.of(image), outcome=Outcome.CONFIDENT.value)
    detections.record_once(record, clock.now())
    return detection_id(image)


@pytest.mark.parametrize("is_moved", [False, True])
def test_a_copy_tells_of_the_detection_whose_image_is_gone(
    account: Account, is_moved: bool
) -> None:
    image = leave_traces(account, KEYS[0], picture("x"))
    object_versions.erase(object_versions.of(image.key))
    moved = image.copy.replace("/cat/", "/dog/")
    if is_moved:
        object_versions.erase(object_versions.of(image.copy))
        account.put(moved, image.body)

    forget(moved if is_moved else image.copy)

    assert account.keys("images_labeled_by_folder/") == []
    assert not detections.find(image.detection)
    assert naming(account, image.copy) == []
    assert not review_tasks.exists(f"detection-{image.detection}")


def test_the_archive_is_read_when_no_state_of_any_of_them_is_on_its_way(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        _detected(account, f"images_for_detection/{name}.jpg", picture(name))
    work = find_images.find(new_work(), [f"images_for_detection/{name}.jpg" for name in "ab"])
    noted: list[datetime] = []

    def note_slowly(kind: str, name: str, values: Any) -> None:
        clock.sleep(forgotten_detections.IN_FLIGHT.total_seconds())
        noted.append(clock.now())
        add_facts(kind, name, values)

    add_facts = table.add_facts
    monkeypatch.setattr(table, "add_facts", note_slowly)
    erasing.erase(work, (), ())

    assert len(noted) == 2
    assert erasures.noted()[0]["finished"] >= clock.iso(noted[-1] + forgotten_detections.IN_FLIGHT)


def test_what_was_forgotten_can_be_forgotten_again(account: Account) -> None:
    image = leave_traces(account, KEYS[0], picture("x"))
    write_shared(account, [image], [])
    forget(KEYS[0])
    before = snapshot(account)

    again = forget(KEYS[0])

    assert again.is_empty
    assert snapshot(account) == before


def test_messages_that_name_it_leave_the_queues_and_others_stay(account: Account) -> None:
    image = leave_traces(account, KEYS[0], picture("x"))
    leave_traces(account, KEYS[0] + ".jpg", picture("y"))

    forget(KEYS[0], queues=(wiring[Variable.DETECTION_QUEUE_URL],))

    keys = [one["detail"]["object"]["key"] for one in account.queued_for_detection()]
    assert keys == [image.key + ".jpg"]


def test_a_running_training_refuses_it_and_nothing_is_erased(account: Account) -> None:
    leave_traces(account, KEYS[0], picture("x"))
    training_lock.take(Lock("arn:execution", None, in_place=False))
    account.stepfunctions.answers["DescribeExecution"] = lambda _: {
        "executionArn": "arn:execution",
        "stateMachineArn": "arn:machine",
        "status": "RUNNING",
        "startDate": 1,
    }
    with pytest.raises(TrainingInProgressError, match="Come again"):
        erasing.check_nothing_trains()
    account.stepfunctions.answers["DescribeExecution"] = lambda _: {
        "executionArn": "arn:execution",
        "stateMachineArn": "arn:machine",
        "status": "SUCCEEDED",
        "startDate": 1,
    }
    erasing.check_nothing_trains()


def test_what_a_detection_under_way_writes_since_is_found_by_the_same_again(
    account: Account,
) -> None:
    image = leave_traces(account, KEYS[0], picture("x"))
    record = detections.get(image.detection)
    forget(KEYS[0])
    detections.record_once(record, clock.now())
    assert naming(account, image.key)

    forget(KEYS[0])

    assert naming(account, image.key) == []


def test_of_a_detection_under_way_nothing_is_archived_either(account: Account) -> None:
    key = "images_for_detection/now.jpg"
    detection = _detected(account, key, picture("x"))
    detections.forget(detection)

    forget(key)

    assert detection in forgotten_detections.noted()


def test_a_line_that_somebody_writes_meanwhile_is_not_lost(account: Account) -> None:
    image = leave_traces(account, KEYS[0], picture("x"))
    key = "manifests/imported/mine.jsonl"
    first, late = _line(account.bucket, "images/a.jpg"), _line(account.bucket, "images/late.jpg")
    account.put(key, _line(account.bucket, image.key) + first)
    work = find_images.find(new_work(), [KEYS[0]])
    erasing.write_down(work)
    written: list[str] = []

    def write_first(params: dict[str, Any], **_: Any) -> None:
        if not written and params["url_path"].endswith("mine.jsonl"):
            written.append(key)
            account.put(key, _line(account.bucket, image.key) + first + late)

    account.hook("s3", "before-call.s3.PutObject", write_first)
    erasing.erase(work, (), ())

    assert written and account.read(key) == first + late
    assert naming(account, image.key) == []


def test_answers_to_questions_in_sql_lose_its_rows(account: Account) -> None:
    image = leave_traces(account, KEYS[0], picture("x"))
    rows = [f'"{key}","cat"\n' for key in (image.key, image.key + ".jpg")]
    account.put("analytics/answers/1.csv", "".join(['"key","label"\n', *rows]).encode())

    forget(KEYS[0])

    assert account.read("analytics/answers/1.csv").decode() == '"key","label"\n' + rows[1]


def test_a_dataset_that_a_training_by_hand_uses_refuses_it_and_it_can_be_gone_on_with(
    account: Account,
) -> None:
    leave_traces(account, KEYS[0], picture("x"))
    arn = f"{account.project_arn}/train"
    statuses = ["CREATE_COMPLETE"]
    account.rekognition.answers["DescribeProjects"] = lambda _: {
        "ProjectDescriptions": [
            {
                "ProjectArn": account.project_arn,
                "Datasets": [{"DatasetArn": arn, "DatasetType": "TRAIN", "Status": statuses[-1]}],
            }
        ]
    }
    account.rekognition.answers["DeleteDataset"] = refuses("ResourceInUseException")
    work = replace(new_work(), datasets=[arn])
    erasing.write_down(work)
    with pytest.raises(TrainingInProgressError, match="by hand"):
        erasing.erase(work, (), ())
    assert [one.datasets for one in erasing.begun()] == [[arn]]

    # Its deletion was begun before: that refuses, too.
    statuses.append("DELETE_IN_PROGRESS")
    erasing.erase(next(erasing.begun()), (), ())

    assert list(erasing.begun()) == []


@pytest.mark.parametrize(
    "body", [b"no gzip", gzip.compress(b"{}" * 999)[:-9], b"\x1f\x8b\x08" + b"x" * 99]
)
def test_what_cannot_be_unpacked_is_named(account: Account, body: bytes) -> None:
    account.put("manifests/imported/mine.jsonl.gz", body)
    with pytest.raises(InvalidRequestError, match=r"mine\.jsonl\.gz.*Delete that version"):
        forget(KEYS[0])


@pytest.mark.parametrize("wrong", ["", "manifests/splits", "images_to_label/"])
def test_what_is_no_image_is_refused(account: Account, wrong: str) -> None:
    with pytest.raises(InvalidRequestError, match="is no image"):
        find_images.find(new_work(), [wrong])


@pytest.mark.parametrize("key", ["manifests/splits", "forgetting/1.json", "analytics/x", ""])
def test_an_address_of_what_is_no_image_is_refused_too(account: Account, key: str) -> None:
    with pytest.raises(InvalidRequestError, match="is no image"):
        forget(f"s3://{account.bucket}/{key}")


def test_the_projects_datasets_go_where_they_have_it(account: Account) -> None:
    image = leave_traces(account, KEYS[0], picture("x"))
    arns = {kind: f"{account.project_arn}/{kind}" for kind in ("train", "test")}
    there = dict(arns)
    account.rekognition.answers["DescribeProjects"] = lambda _: {
        "ProjectDescriptions": [
            {
                "ProjectArn": account.project_arn,
                "Datasets": [
                    {"DatasetArn": arn, "DatasetType": kind.upper(), "Status": "CREATE_COMPLETE"}
                    for kind, arn in there.items()
                ],
            }
        ]
    }

    def entries(request: dict[str, Any]) -> dict[str, Any]:
        source = f"s3://{account.bucket}/{image.copy}"
        is_train = request["DatasetArn"] == arns["train"]
        # What it is asked for is only contained.
        named = source if is_train else f"{source}.jpg"
        return {"DatasetEntries": [json.dumps({"source-ref": named})]}

    account.rekognition.answers["ListDatasetEntries"] = entries

    def delete(request: dict[str, Any]) -> dict[str, Any]:
        del there[request["DatasetArn"].rsplit("/")[-1]]
        return {}

    account.rekognition.answers["DeleteDataset"] = delete

    forget(KEYS[0])

    assert list(there) == ["test"]


def test_a_version_that_serves_is_deleted_when_that_is_wanted_and_none_serves_then(
    account: Account,
) -> None:
    image = leave_traces(account, KEYS[0], picture("x"))
    write_shared(account, [image], [])
    name = "v1-0a1b2c3d"
    table.overwrite("deployed", {"version": name, "version_arn": version_arn(name)})
    statuses = iter(["RUNNING", "STOPPING", "STOPPED"])

    def described(_: dict[str, Any]) -> dict[str, Any]:
        one = {"ProjectVersionArn": version_arn(name), "Status": next(statuses)}
        return {"ProjectVersionDescriptions": [one]}

    account.rekognition.answers["DescribeProjectVersions"] = described
    account.rekognition.answers["StopProjectVersion"] = lambda _: {"Status": "STOPPING"}
    account.rekognition.answers["DeleteProjectVersion"] = lambda _: {"Status": "DELETING"}
    work = find_images.find(new_work(), [KEYS[0]])
    work.delete = list(work.trained)
    erasing.write_down(work)

    erasing.erase(work, (), ())

    assert len(account.rekognition.asked("DeleteProjectVersion")) == 1
    assert table.get("state", "deployed") is None
    known = model_versions.read(name)
    assert known and known.deleted


# --- Breaks ---------------------------------------------------------------------------------------


class ProcessDiesError(Exception):
    """It ends between two calls."""


class Breaking:
    """Lets the process die between writes, in any service."""

    def __init__(self, account: Account) -> None:
        self.done: set[str] = set()
        self.new = 0
        for service in ("s3", "dynamodb", "rekognition", "cognito-idp"):
            account.hook(service, "before-call.*", self._look)

    def _look(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        if model.name.startswith(("Get", "List", "Head", "Describe", "Scan", "Query")):
            return
        write = f"{model.name} {params['url_path']} {_about(params['body'])}"
        if write not in self.done:
            self.new += 1
            if self.new > 1:
                raise ProcessDiesError
            self.done.add(write)

    def until_it_ends(self, run: Callable[[], object]) -> int:
        """Let each run do one write more than those before, and die before the next, until one
        ends; how many died.
        """
        for died in range(1000):
            self.new = 0
            try:
                run()
            except ProcessDiesError:
                continue
            return died
        raise AssertionError("It never ends.")


def _about(body: Any) -> str:
    """Of what a write is: times in it may be others the next time."""
    if not isinstance(body, bytes) or not body.startswith(b"{"):
        return str(body) if isinstance(body, bytes) else ""
    request = json.loads(body)
    item = request.get("Item", {})
    named = {name: item[name] for name in ("task_id", "kind", "name") if name in item}
    return str(request.get("Key") or named or request)


def test_broken_off_before_any_write_it_is_ended_by_the_same_again(account: Account) -> None:
    image = leave_traces(account, KEYS[0], picture("x"))
    write_shared(account, [image], ["images_labeled_by_folder/cat/other.jpg"])

    died = Breaking(account).until_it_ends(lambda: forget(KEYS[0]))

    assert died > 40
    assert ledger_left_out(naming(account, *image.names)) == []
    assert list(erasing.begun()) == []
    assert b"other.jpg" in account.read("manifests/imported/mine.jsonl")
    assert [one["counts"]["records"] for one in erasures.noted()] == [2]


# --- A person -------------------------------------------------------------------------------------


@dataclass
class Somebody:
    """Who has an address, and what the pool calls them."""

    email: str
    sub: str


def make_pool(account: Account, monkeypatch: pytest.MonkeyPatch, *emails: str) -> list[Somebody]:
    """Make a user pool with these people."""
    cognito = account.boto3("cognito-idp")
    pool = cognito.create_user_pool(PoolName="p", UsernameAttributes=["email"])["UserPool"]["Id"]
    monkeypatch.setenv(Variable.USER_POOL_ID, pool)
    people = []
    for email in emails:
        attributes = [{"Name": "email", "Value": email}]
        made = cognito.admin_create_user(
            UserPoolId=pool, Username=email, UserAttributes=attributes
        )["User"]
        told = {each["Name"]: each["Value"] for each in made["Attributes"]}
        people.append(Somebody(email, told["sub"]))
    return people


def let_answer(account: Account, *people: Somebody) -> ReviewTask:
    """Let people answer about an image, of which the first has sent it."""
    image = leave_traces(account, KEYS[0], picture("x"))
    now = clock.now()
    given = {
        one.sub: Given(Annotation.of_labels(["cat"]), now, now + timedelta(seconds=3))
        for one in people
    }
    note(image.detection, {"senders": {people[0].sub}})
    task = review_tasks.get(f"detection-{image.detection}")
    answered = replace(task, answers=given, wanted=len(people), finished=True)
    for one in people:
        review_tasks.change(task, answered, Reviewer(one.sub, one.email), now)
        task = answered = review_tasks.get(task.task_id)
    said = [
        TimedAnswer(Answer(sub, one.said), one.accepted, one.submitted, "pool")
        for sub, one in given.items()
    ]
    output = human_loops.write(task.task_id, {}, said, ModelType.CLASSIFICATION)
    # A2I has a name of its own for the worker.
    output["humanAnswers"][0]["workerId"] = "a1b2c3"
    for _ in range(2):
        objects.write_json(human_loops.output_key(task.task_id, now), output)
    by = {"by": f"arn:aws:sts::1:assumed-role/Admin/{people[0].email}", "counts": {}}
    table.overwrite("hosting_pause", by)
    erasures.note("before", {**by, "began": "2026"})
    return task


def forget_person(who: str, groups: tuple[str, ...] = ()) -> Work:
    """Do what the command does, after what was begun."""
    for begun in erasing.begun():
        erasing.erase(begun, (), groups)
    by = replace(new_work(), by=f"arn:aws:sts::1:assumed-role/Admin/{who}")
    work = find_person.find(by, who)
    if not work.is_empty:
        erasing.write_down(work)
        erasing.erase(work, (), groups)
    return work


def test_no_byte_of_a_persons_names_is_left_and_what_they_said_still_counts(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = make_pool(account, monkeypatch, ANN, BOB)
    task = let_answer(account, ann, bob)
    figures = {one.sub: review_tasks.figures_of(one.sub) for one in (ann, bob)}
    # An object of the pool's own is not looked at below: it is deleted.
    assert len(naming(account, f"'{ann.email}'", ann.sub, "a1b2c3")) > 4

    work = forget_person(ANN)

    person = work.what
    assert isinstance(person, Person)
    everything = [text for _, text in texts(account)]
    without_bob = [text.replace(BOB, "") for text in everything]
    assert not any(ANN in text or ann.sub in text or "a1b2c3" in text for text in without_bob)
    users = account.boto3("cognito-idp").list_users(UserPoolId=wiring[Variable.USER_POOL_ID])
    assert [user["Attributes"][0]["Value"] for user in users["Users"]] == [BOB]
    now = review_tasks.get(task.task_id)
    assert set(now.answers) == {person.pseudonym, bob.sub}
    assert now.revision == task.revision + 1
    assert review_tasks.figures_of(person.pseudonym) == figures[ann.sub]
    assert review_tasks.figures_of(bob.sub) == figures[bob.sub]
    assert detections.get(task.detection_id).senders == {person.pseudonym}
    answers = human_loops.read(objects.read(human_loops.output_key(task.task_id, clock.now())))
    assert [one.worker for one in answers] == [person.pseudonym, bob.sub]
    assert {one.said for one in answers} == {Annotation.of_labels(["cat"])}
    assert [one["by"].rsplit("/")[-1] for one in erasures.noted()] == [person.pseudonym] * 2


def test_a_pseudonym_is_the_same_again_and_nobody_can_tell_it_by_the_address(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ann,) = make_pool(account, monkeypatch, ANN)
    first = find_person.find(new_work(), ANN).what
    by_id = find_person.find(new_work(), ann.sub).what
    assert isinstance(first, Person) and isinstance(by_id, Person)
    assert first.pseudonym == by_id.pseudonym
    another_id = replace(first, subs=frozenset({"another id"}))
    another_address = replace(first, emails=frozenset({"other@example.com"}))
    assert another_address.pseudonym == first.pseudonym != another_id.pseudonym


def test_a_late_answer_of_theirs_is_found_by_their_id_and_added_to_the_same_name(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = make_pool(account, monkeypatch, ANN, BOB)
    let_answer(account, ann, bob)
    person = forget_person(ANN).what
    assert isinstance(person, Person)
    before = review_tasks.figures_of(person.pseudonym)
    client("dynamodb").update_item(
        TableName=wiring[Variable.REVIEW_TASKS_TABLE],
        **{
            name: part
            for name, part in review_tasks._figures_added(ann.sub, before, ANN).items()
            if name != "TableName"
        },
    )

    forget_person(ann.sub)

    after = review_tasks.figures_of(person.pseudonym)
    assert after.compared == 2 * before.compared > 0
    shown = [from_item(item).get("name") for item in account.items("ReviewTasksTable")]
    assert ANN not in shown


def test_an_image_that_is_called_after_somebody_is_named_and_keeps_its_name(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pool(account, monkeypatch, ANN)
    key = f"images_for_detection/{ANN}/1.jpg"
    image = leave_traces(account, key, picture("x"))

    work = forget_person(ANN)

    assert work.called_so == [key]
    assert account.read(key) == image.body
    assert detections.get(image.detection).key == key
    (sentence,) = (one for one in what_stays([work], clock.now(), 30) if ANN in one)
    assert key in sentence


def test_a_pool_of_others_keeps_them_but_in_no_group_of_the_stack(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pool(account, monkeypatch, ANN)
    cognito, pool = account.boto3("cognito-idp"), wiring[Variable.USER_POOL_ID]
    for group in ("ours", "theirs"):
        cognito.create_group(UserPoolId=pool, GroupName=group)
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=ANN, GroupName=group)

    forget_person(ANN, groups=("ours", "ours too"))

    groups = cognito.admin_list_groups_for_user(UserPoolId=pool, Username=ANN)["Groups"]
    assert [group["GroupName"] for group in groups] == ["theirs"]


def test_a_person_is_forgotten_whatever_write_it_breaks_off_before(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = make_pool(account, monkeypatch, ANN, BOB)
    let_answer(account, ann, bob)
    figures = review_tasks.figures_of(ann.sub)

    died = Breaking(account).until_it_ends(lambda: forget_person(ANN))

    assert died > 10
    everything = [text.replace(BOB, "") for _, text in texts(account)]
    assert not any(ANN in text or ann.sub in text for text in everything)
    person = Person(account.bucket, frozenset({ANN}), frozenset({ann.sub}))
    assert review_tasks.figures_of(person.pseudonym) == figures
    assert list(erasing.begun()) == [] and account.keys("forgetting/") == []


def test_s3_refusing_to_erase_something_is_told(account: Account) -> None:
    leave_traces(account, KEYS[0], picture("x"))

    def refuse(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Errors"] = [{"Key": KEYS[0], "Code": "AccessDenied", "Message": "Not you."}]

    account.hook("s3", "after-call.s3.DeleteObjects", refuse)
    with pytest.raises(ServiceFailedError, match="Not you"):
        forget(KEYS[0])
