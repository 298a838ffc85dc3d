"""FollowLabelingJob: look how far a labelling job is, and take over what it has come to.

Invoked by  statemachine/image_labeling.asl.yaml, state ``FollowLabelingJob``
Raises      NotFoundError        caught: the job or its input was deleted, the operator is told
            UnknownStatusError   caught: the operator is told
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; what is imported has the job's name, and a task its image's

The first look notes on the records that people are asked: from then on no run of RequestLabels
begins with these images again.

What workers agree on is Ground Truth's own affair: it gives one label an image, boxes, or labels
with confidences, of which those above a half stand. Images about which a job says nothing in the
end go to the review queue.
"""

from typing import Literal

from labelloop import clock
from labelloop.aws import detections, detections_by_id, labeling_jobs, objects
from labelloop.aws.labeling_jobs import JobStatus
from labelloop.domain import labeling_jobs as rules
from labelloop.domain.consensus import Agreement
from labelloop.domain.detections import human_loop_name
from labelloop.domain.labeling_jobs import Job
from labelloop.entrypoint import Strict, task
from labelloop.errors import NotFoundError
from labelloop.services import review_requests

_UNDER_WAY = {JobStatus.INITIALIZING, JobStatus.IN_PROGRESS, JobStatus.STOPPING}


class Input(Strict):
    """The job's name."""

    job: str


class Output(Strict):
    """Whether it has ended, how many images were labelled, and how many are on the console now."""

    ended: bool
    status: JobStatus
    labelled: int
    on_console: int
    reason: str
    outcome: Literal["under way", "all labelled", "some not labelled"]


@task
def lambda_handler(request: Input) -> Output:
    """Look; import the output of a job that has ended, however it has."""
    job = Job(request.job)
    images = rules.detections_in(objects.lines(job.input_manifest))
    _note_asked(images, job)
    status, reason, output_uri = labeling_jobs.describe(job.name)
    if status in _UNDER_WAY:
        return Output(
            ended=False, status=status, labelled=0, on_console=0, reason="", outcome="under way"
        )
    found = rules.labelled(_lines(output_uri))
    if found.lines:
        text = "".join(f"{line}\n" for line in found.lines)
        objects.write(job.imported, text.encode(), "application/jsonl")
    now = clock.now()
    for detection in found.detections:
        detections.note_agreement(detection, Agreement.DECIDED.value, now)
    missing = sorted(set(images) - set(found.detections))
    for detection in missing:
        review_requests.on_console(detections.get(detection), now)
        detections.note_asked(detection, human_loop_name(detection))
    return Output(
        ended=True,
        status=status,
        labelled=len(found.detections),
        on_console=len(missing),
        reason=reason or "no reason was given",
        outcome="some not labelled" if missing else "all labelled",
    )


def _note_asked(images: list[str], job: Job) -> None:
    for start in range(0, len(images), detections_by_id.LOOKED_UP_AT_ONCE):
        group = images[start : start + detections_by_id.LOOKED_UP_AT_ONCE]
        for detection in set(group) - detections_by_id.asked_about(group):
            detections.note_asked(detection, job.name)


def _lines(uri: str) -> list[bytes]:
    """The lines of the object at this address; none where a job that failed has left none."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        return list(objects.lines_at(bucket, key)) if uri else []
    except NotFoundError:
        return []
