"""Each path through `statemachine/image_labeling.asl.yaml`, from no labelled image to a model."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from tests import images
from tests.stack import Stack, Uploaded, launched

IMAGES_PER_LABEL = 6


@pytest.fixture(scope="module")
def bare() -> Iterator[Stack]:
    """A stack without any label."""
    with launched() as stack:
        stack.disable("labeling")
        stack.wait_until_rests("RequestLabels")
        yield stack


def upload(stack: Stack, label: str) -> Uploaded:
    content = stack.new_image(label)
    return stack.upload(f"images_to_label/{label}-{stack._drawn}.jpg", content)


def test_without_labels_nobody_is_asked_and_the_operator_is_told_once(bare: Stack) -> None:
    first = upload(bare, images.LABELS[0])
    for _ in range(2):
        execution = bare.run("image_labeling")
        assert (execution.status, execution.states[-2]) == ("SUCCEEDED", "TellProblem")
    (mail,) = bare.wait_for_mail("labeling_problem")
    assert "ReviewLabels" in mail["message"]
    assert bare.task(first) == {}


def test_a_run_that_fails_is_told(bare: Stack) -> None:
    upload(bare, images.LABELS[0])
    refused = {"service": "s3", "operation": "ListObjectVersions", "times": 1}
    refused |= {"error": "AccessDenied", "status": 403}
    with bare.faults(refused):
        execution = bare.run("image_labeling")
    assert (execution.status, execution.error) == ("FAILED", "PermissionMissingError")
    assert bare.wait_for_mail("workflow_failed")


def test_a_project_without_a_labelled_image_gets_its_first_model(bare: Stack) -> None:
    names = ",".join(images.LABELS)
    bare.local.control("PUT", "stack", {"parameters": {"ReviewLabels": names}})
    uploads = {
        upload(bare, label): label for label in images.LABELS for _ in range(IMAGES_PER_LABEL)
    }
    bare.fire("LabelingSchedule")
    for one in uploads:
        bare.wait_for_task(one)
    known = {one.task_id: label for one, label in uploads.items()}
    people = [bare.add_reviewer() for _ in range(2)]

    def work(number: int) -> None:
        while task := people[number].take():
            # The images of the tests before are the same kind of thing.
            seen = urllib3.request("GET", task["image_url"], retries=False)
            assert seen.status == 200
            said = {"label": known.get(task["task_id"], images.LABELS[0])}
            status, given = people[number].ask(
                "POST", f"/review/tasks/{task['task_id']}/answer", said
            )
            # Else the lease ran out, and somebody else answers it.
            assert status in {200, 409}, given

    with ThreadPoolExecutor(len(people)) as threads:
        list(threads.map(work, range(len(people))))
    for one, label in uploads.items():
        record = bare.wait_for_record(one, has="agreement")
        assert record["human_label"] == label
        assert record["copied_key"].startswith(f"images_labeled_by_folder/{label}/")
    said = bare.labelloop("label")
    assert (said.exit_code, "nobody has been asked" in said.stdout) == (0, True), said.output
    assert len(bare.tasks()) == len(uploads) + 2
    bare.upload("images_to_label/page.jpg", b"<!doctype html>")
    assert bare.run("image_labeling").status == "SUCCEEDED"
    status = bare.labelloop("status")
    assert "  images_to_label/page.jpg: The file is neither" in status.stdout, status.output
    execution = bare.run("model_training", {"force": True})
    assert bare.deployed(), (execution, bare.operator_mails())
