"""FollowLabelingJob: what a labelling job has come to is taken over once, and nothing is left."""

import json
from typing import Any

import pytest

from functions.follow_labeling_job.app import lambda_handler
from labelloop.aws import detections_by_id, review_tasks
from labelloop.domain.detections import human_loop_name
from labelloop.domain.labeling_jobs import Job, input_line
from labelloop.errors import NotFoundError, UnknownStatusError
from tests.unit import inference_log
from tests.unit.account import Account, Context, Json, event, refuses

JOB = Job(event("follow_labeling_job.job")["job"])
ONE, TWO = f"{1:032x}", f"{2:032x}"
OUTPUT = f"{JOB.folder}{JOB.name}/manifests/output/output.manifest"
METADATA = {
    "class-name": "cat",
    "confidence": 0.9,
    "creation-date": "2026-11-21T09:15:27.000000",
    "human-annotated": "yes",
    "type": "groundtruth/image-classification",
}


@pytest.fixture
def begun(account: Account) -> Account:
    """An account with a job about two images."""
    lines = []
    for detection in (ONE, TWO):
        facts = {"bucket": account.bucket, "key": f"images_to_label/{detection}.jpg"}
        inference_log.record_labelling(detection, facts)
        lines.append(input_line(f"s3://{account.bucket}/{detection}.jpg", detection))
    account.put(JOB.input_manifest, "\n".join(lines).encode())
    _is(account, "InProgress")
    return account


def _is(account: Account, status: str, **more: Any) -> None:
    account.sagemaker.answers["DescribeLabelingJob"] = lambda _: {
        "LabelingJobStatus": status,
        "LabelCounters": {},
        "LastModifiedTime": 0,
        "CreationTime": 0,
        "JobReferenceCode": "x",
        "LabelingJobName": JOB.name,
        "LabelingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:labeling-job/x",
        "InputConfig": {"DataSource": {}},
        "OutputConfig": {"S3OutputPath": f"s3://{account.bucket}/x"},
        "RoleArn": "arn:aws:iam::123456789012:role/x",
        "HumanTaskConfig": {},
        **more,
    }


def _has_labelled(account: Account, *names: str, status: str = "Completed") -> None:
    lines = [
        {
            **json.loads(input_line(f"s3://{account.bucket}/{name}.jpg", name)),
            "label": 0,
            "label-metadata": METADATA,
        }
        for name in names
    ]
    account.put(OUTPUT, "\n".join(map(json.dumps, lines)).encode())
    uri = f"s3://{account.bucket}/{OUTPUT}"
    _is(account, status, LabelingJobOutput={"OutputDatasetS3Uri": uri})


def _follow() -> Json:
    return lambda_handler(event("follow_labeling_job.job"), Context())


@pytest.mark.parametrize("status", ["Initializing", "InProgress", "Stopping"])
def test_a_job_under_way_is_left_alone(begun: Account, status: str) -> None:
    _is(begun, status)
    assert _follow()["outcome"] == "under way"
    assert detections_by_id.asked_about([ONE, TWO]) == {ONE, TWO}
    assert begun.keys("manifests/imported/") == []
    assert begun.items("ReviewTasksTable") == []


def test_what_was_labelled_is_imported_once(begun: Account) -> None:
    _has_labelled(begun, ONE, TWO)
    for _ in range(2):
        found = _follow()
        assert (found["outcome"], found["labelled"], found["on_console"]) == ("all labelled", 2, 0)
    assert detections_by_id.asked_about([ONE, TWO]) == {ONE, TWO}
    (key,) = begun.keys("manifests/imported/")
    assert key == JOB.imported
    assert len(begun.read(key).splitlines()) == 2
    assert inference_log.recorded(ONE)["agreement"] == "decided"


def test_what_was_not_labelled_goes_to_the_review_queue(begun: Account) -> None:
    _has_labelled(begun, ONE, status="Stopped")
    for _ in range(2):
        found = _follow()
        assert (found["outcome"], found["on_console"]) == ("some not labelled", 1)
    (task,) = begun.items("ReviewTasksTable")
    assert review_tasks.get(task["task_id"]["S"]).detection_id == TWO
    assert inference_log.recorded(TWO)["human_loop"] == human_loop_name(TWO)


@pytest.mark.parametrize("names_output", [True, False])
def test_a_job_that_failed_leaves_all_of_its_images_to_the_console(
    begun: Account, names_output: bool
) -> None:
    output = {"OutputDatasetS3Uri": f"s3://{begun.bucket}/{OUTPUT}"}
    more: Json = {"LabelingJobOutput": output} if names_output else {}
    _is(begun, "Failed", FailureReason="The role cannot read.", **more)
    found = _follow()
    assert (found["labelled"], found["on_console"]) == (0, 2)
    assert found["reason"] == "The role cannot read."
    assert begun.keys("manifests/imported/") == []


def test_a_status_that_nobody_knows_is_no_end(begun: Account) -> None:
    _is(begun, "Dreaming")
    with pytest.raises(UnknownStatusError, match="Dreaming"):
        _follow()


def test_a_job_that_is_gone_is_not_found(begun: Account) -> None:
    begun.sagemaker.answers["DescribeLabelingJob"] = refuses("ResourceNotFound")
    with pytest.raises(NotFoundError):
        _follow()
