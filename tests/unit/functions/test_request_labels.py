"""RequestLabels: each image that nobody has labelled becomes one task."""

import itertools
import json
import re
from contextlib import suppress
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from functions.request_labels import app
from functions.request_labels.app import lambda_handler
from labelloop import clock
from labelloop.aws import detections, detections_by_id, objects, review_tasks
from labelloop.domain import fitness, labeling_jobs, origins
from labelloop.domain.annotations import ModelType
from labelloop.domain.detection_records import LABELING
from labelloop.domain.detections import detection_id, human_loop_name
from labelloop.domain.images import ImageObject
from labelloop.domain.labeling_jobs import Job
from labelloop.domain.origins import Origin, Provenance
from local.rekognition.shapes import find_problems
from tests import cases
from tests.unit import inference_log
from tests.unit.account import Account, Context, Json, event, refuses
from tests.unit.functions.preparation import png

NOTHING: Json = {
    "asked": 0,
    "refused": 0,
    "left_out": [],
    "newly_left_out": 0,
    "problem": "",
    "job": "",
    "refusal": "",
}
FLOW = "arn:aws:sagemaker:eu-west-1:123456789012:flow-definition/label-loop-1a2b3c4d-0123"


@pytest.fixture
def labelled(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account whose people may choose between two labels."""
    monkeypatch.setenv("REVIEW_LABELS", "cat,dog")
    return account


def operation_model(operation: str) -> Any:
    """The shape of what SageMaker's operation takes."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    return model.operation_model(operation).input_shape


def _ask() -> Json:
    return lambda_handler(event("request_labels.schedule"), Context())


def _put(account: Account, name: str, content: bytes = png("image")) -> str:
    """The detection's name of a new version."""
    key = f"images_to_label/{name}"
    version = account.put(key, content)
    return detection_id(ImageObject(account.bucket, key, version, "", 0))


def test_an_image_gets_a_task_and_a_record_that_its_answers_find(labelled: Account) -> None:
    detection = _put(labelled, "a.jpg")
    assert _ask() == {**NOTHING, "asked": 1}
    task = review_tasks.get(human_loop_name(detection))
    assert (task.key, task.suggestion, task.wanted) == ("images_to_label/a.jpg", (), 1)
    record = inference_log.recorded(detection)
    assert (record["outcome"], record["human_loop"]) == (LABELING, task.task_id)
    assert (record["bucket"], record["version_id"]) == (labelled.bucket, task.version_id)


def test_it_is_no_detection_that_is_listed_or_counted(labelled: Account) -> None:
    _put(labelled, "a.jpg")
    _ask()
    (item,) = labelled.items("DetectionsTable")
    assert not {"day_shard", "outcome_shard", "date_id"} & set(item)


def test_people_are_asked_once_about_a_version_and_again_about_another(labelled: Account) -> None:
    _put(labelled, "a.jpg")
    _ask()
    assert _ask()["asked"] == 0
    _put(labelled, "a.jpg", png("another image"))
    assert _ask()["asked"] == 1
    assert len(labelled.items("ReviewTasksTable")) == 2


def test_a_run_that_died_between_record_and_task_is_made_good(labelled: Account) -> None:
    detection = _put(labelled, "a.jpg")
    _ask()
    for table, key in (("DetectionsTable", "detection_id"), ("ReviewTasksTable", "task_id")):
        value = detection if key == "detection_id" else human_loop_name(detection)
        if table == "ReviewTasksTable":
            labelled.boto3("dynamodb").delete_item(
                TableName=f"label-loop-{table}", Key={key: {"S": value}}
            )
        else:
            labelled.boto3("dynamodb").update_item(
                TableName=f"label-loop-{table}",
                Key={key: {"S": value}},
                UpdateExpression="REMOVE human_loop",
            )
    assert _ask()["asked"] == 1
    assert review_tasks.get(human_loop_name(detection))


def test_what_is_deleted_or_a_folder_is_passed_over(labelled: Account) -> None:
    labelled.put("images_to_label/", b"")
    _put(labelled, "gone.jpg")
    labelled.boto3("s3").delete_object(Bucket=labelled.bucket, Key="images_to_label/gone.jpg")
    assert _ask() == NOTHING


def test_12_people_are_asked_about_unusable_images(labelled: Account) -> None:
    for file in sorted(cases.folder("12").glob("images_to_label/*")):
        _put(labelled, file.name, file.read_bytes())
    found = _ask()
    assert (found["asked"], found["refused"], found["newly_left_out"]) == (1, 5, 5)
    (task,) = labelled.items("ReviewTasksTable")
    assert task["key"]["S"] == "images_to_label/good.jpg"
    reasons = {one["key"].rsplit("/", 1)[-1]: one["reason"] for one in found["left_out"]}
    assert "cut off" in reasons.pop("cut_off.jpg")
    assert "12000 x 12000 px" in reasons.pop("huge.png")
    assert "63 x 63 px" in reasons.pop("small63.png")
    assert "neither a PNG nor a JPEG" in reasons.pop("page.jpg")
    assert "neither a PNG nor a JPEG" in reasons.pop("webp_inside.jpg")
    assert reasons == {}


def test_13_names_decide_at_one_door_only(labelled: Account) -> None:
    for file in cases.folder("13").glob("images/*"):
        _put(labelled, file.name, file.read_bytes())
    assert _ask() == {**NOTHING, "asked": 4}


def test_what_was_left_out_is_named_again_without_being_read(
    labelled: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(labelled, "page.jpg", b"<html>")
    _put(labelled, ".hidden/a.jpg")
    first = _ask()
    reads: list[str] = []
    labelled.hook("s3", "before-call.s3.GetObject", lambda **_: reads.append("read"))
    again = _ask()
    assert (first["newly_left_out"], again["refused"]) == (1, 2), "hidden ones are no news"
    assert again == {**first, "newly_left_out": 0}
    assert [one["key"] for one in again["left_out"]] == [
        "images_to_label/.hidden/a.jpg",
        "images_to_label/page.jpg",
    ]
    assert reads == []
    monkeypatch.setattr(fitness, "RULES", fitness.RULES + 1)
    assert _ask()["newly_left_out"] == 1


def test_what_was_left_out_by_other_rules_is_asked_about_when_it_can_be(labelled: Account) -> None:
    _put(labelled, "a.jpg")
    image = objects.latest("images_to_label/a.jpg").image
    detections.leave_out(image, "It was not fit.", fitness.RULES - 1, clock.now())
    assert _ask() == {**NOTHING, "asked": 1}
    detections.leave_out(image, "Too late.", fitness.RULES, clock.now())
    assert _ask() == NOTHING
    assert len(labelled.items("ReviewTasksTable")) == 1


def test_an_image_that_may_not_be_read_is_tried_again(labelled: Account) -> None:
    _put(labelled, "a.jpg")

    def archived(**_: Any) -> None:
        error: Any = {"Error": {"Code": "InvalidObjectState", "Message": "It is archived."}}
        raise ClientError(error, "GetObject")

    labelled.hook("s3", "before-call.s3.GetObject", archived)
    found = _ask()
    assert (found["asked"], found["newly_left_out"]) == (0, 1)
    assert "It is archived" in found["left_out"][0]["reason"]
    labelled.unhook()
    assert _ask() == {**NOTHING, "asked": 1}


def test_so_much_is_read_in_a_run_and_the_next_one_goes_on(
    labelled: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "MOST_BYTES", 10)
    monkeypatch.setattr(detections_by_id, "LOOKED_UP_AT_ONCE", 2)
    for number in range(5):
        _put(labelled, f"{number}.jpg")
    assert [_ask()["asked"] for _ in range(4)] == [2, 2, 1, 0]


def test_without_any_label_to_choose_nobody_is_asked(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(account, "a.jpg")
    found = _ask()
    assert (found["asked"], account.items("ReviewTasksTable")) == (0, [])
    assert "There are no labels" in found["problem"]
    monkeypatch.setenv("ALLOW_NEW_LABELS", "true")
    assert _ask()["asked"] == 1


def test_a_run_asks_about_so_many_and_the_next_one_goes_on(
    labelled: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "MOST_ASKED", 3)
    monkeypatch.setattr(detections_by_id, "LOOKED_UP_AT_ONCE", 2)
    for number in range(5):
        _put(labelled, f"{number}.jpg")
    assert [_ask()["asked"] for _ in range(3)] == [3, 2, 0]


# --- Ground Truth ---------------------------------------------------------------------------------


@pytest.fixture
def ground_truth(labelled: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account whose deployment has A2I for its review backend."""
    monkeypatch.setenv("FLOW_DEFINITION_ARN", FLOW)
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/x"
    labelled.sagemaker.answers["CreateLabelingJob"] = lambda _: {"LabelingJobArn": arn}
    return labelled


@pytest.mark.parametrize("model_type", ModelType)
def test_a_job_is_begun_with_all_that_it_needs(
    ground_truth: Account, monkeypatch: pytest.MonkeyPatch, model_type: ModelType
) -> None:
    monkeypatch.setenv("MODEL_TYPE", model_type)
    detection = _put(ground_truth, "a.jpg")
    found = _ask()
    assert found["job"].startswith("label-loop-1a2b3c4d-")
    (request,) = ground_truth.sagemaker.asked("CreateLabelingJob")
    assert request["Tags"] == [{"Key": "labelloop:stack", "Value": "label-loop"}]
    assert list(find_problems(request, operation_model("CreateLabelingJob"), "request")) == []
    config = request["HumanTaskConfig"]
    assert config["PreHumanTaskLambdaArn"].startswith("arn:aws:lambda:eu-west-1:568282634449:")
    uris = (
        request["LabelCategoryConfigS3Uri"],
        request["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"],
        config["UiConfig"]["UiTemplateS3Uri"],
    )
    labels, manifest, page = (
        ground_truth.read(uri.removeprefix(f"s3://{ground_truth.bucket}/")) for uri in uris
    )
    assert {"label": "cat"} in json.loads(labels)["labels"]
    assert set(re.findall(rb"task\.input\.(\w+)", page)) == {b"taskObject", b"labels"}
    shown = json.loads(manifest)["source-ref"].removeprefix(f"s3://{ground_truth.bucket}/")
    assert shown.startswith(f"images_imported/labeling/{detection}-")
    assert ground_truth.read(shown) == png("image")
    came = origins.from_metadata(ground_truth.metadata(shown), ground_truth.bucket)
    assert came == Provenance(Origin.LABELLING, detection)
    assert ground_truth.items("ReviewTasksTable") == []


def _jobs(account: Account) -> dict[str, list[str]]:
    """The images that each job was begun with: those of its manifest as they are in the end."""
    names = [request["LabelingJobName"] for request in account.sagemaker.asked("CreateLabelingJob")]
    return {
        name: labeling_jobs.detections_in(account.read(Job(name).input_manifest).splitlines())
        for name in names
    }


def _is_followed(job: str) -> None:
    for detection in labeling_jobs.detections_in(objects.lines(Job(job).input_manifest)):
        inference_log.note(detection, {"human_loop": job})


def test_a_job_that_nobody_follows_is_found_again_with_its_own_images(
    ground_truth: Account,
) -> None:
    first = [_put(ground_truth, f"{number}.jpg") for number in range(3)]
    begun = _ask()
    ground_truth.sagemaker.answers["CreateLabelingJob"] = refuses("ResourceInUse")
    later = _put(ground_truth, "0-later.jpg")
    # The later image comes first in the bucket, and a job of its own begins before.
    assert {_ask()["job"] for _ in range(2)} != {begun["job"]}
    _is_followed(_ask()["job"])
    again = _ask()
    assert (again["job"], again["asked"]) == (begun["job"], 3)
    _is_followed(begun["job"])
    assert _ask() == NOTHING
    assert sorted(_jobs(ground_truth).values(), key=len) == [[later], first]


def _die_at(write: int, account: Account) -> None:
    """Let the process die at the call of this number of those that write something."""
    writes = itertools.count()

    def die(event_name: str, **_: Any) -> None:
        reads = re.search(r"\.(Get|List|BatchGet)\w+$", event_name)
        if not reads and next(writes) == write:
            raise InterruptedError(event_name)

    for service in ("dynamodb", "s3", "sagemaker"):
        account.hook(service, "before-call", die)


@pytest.mark.parametrize("write", range(16))
@pytest.mark.parametrize("answer", ["accepts", "refuses"])
def test_a_run_that_died_at_any_call_is_made_good(
    ground_truth: Account, write: int, answer: str
) -> None:
    asked = [_put(ground_truth, f"{number}.jpg") for number in range(2)]
    if answer == "refuses":
        ground_truth.sagemaker.answers["CreateLabelingJob"] = refuses("AccessDeniedException")
    _die_at(write, ground_truth)
    with suppress(InterruptedError):
        _ask()
    ground_truth.unhook()
    asked.append(_put(ground_truth, "0-later.jpg"))
    while (found := _ask())["asked"]:
        if found["job"]:
            _is_followed(found["job"])
    if answer == "accepts":
        assert ground_truth.items("ReviewTasksTable") == []
        assert sorted(itertools.chain(*_jobs(ground_truth).values())) == sorted(asked)
    else:
        assert len(ground_truth.items("ReviewTasksTable")) == len(asked)


def test_an_image_that_another_run_left_out_of_its_job_is_asked_about_on_the_console(
    ground_truth: Account,
) -> None:
    _put(ground_truth, "a.jpg")
    begun = _ask()["job"]
    left_out = _put(ground_truth, "b.jpg")
    image = objects.latest("images_to_label/b.jpg").image
    detections.record_labeling_once(image, clock.now())
    detections.mark(left_out, begun)
    assert _ask()["job"] == begun
    assert review_tasks.get(human_loop_name(left_out))
    assert len(ground_truth.items("ReviewTasksTable")) == 1


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException"])
def test_what_ground_truth_refuses_is_asked_on_the_console(
    ground_truth: Account, code: str
) -> None:
    detection = _put(ground_truth, "a.jpg")
    ground_truth.sagemaker.answers["CreateLabelingJob"] = refuses(code, "Not you.")
    found = _ask()
    assert (found["asked"], found["job"]) == (1, "")
    assert "Not you." in found["refusal"]
    assert review_tasks.get(human_loop_name(detection))
    assert _ask() == NOTHING


def test_where_a2i_was_refused_at_the_deployment_the_console_is_asked(
    ground_truth: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOW_DEFINITION_ARN", "unavailable")
    _put(ground_truth, "a.jpg")
    assert _ask()["refusal"]
    assert len(ground_truth.items("ReviewTasksTable")) == 1
