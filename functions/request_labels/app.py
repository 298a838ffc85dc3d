"""RequestLabels: ask people what images show of which nobody has said anything yet.

Invoked by  statemachine/image_labeling.asl.yaml, state ``RequestLabels``
Raises      ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; an image version's task has the name of its record, and the record says last that
            people were asked

The answers go the way of those about detections: what reads them finds a record in the inference
log, whose outcome is ``labeling``. Where A2I is the review backend, a labelling job of Ground Truth
asks instead, and the state machine follows it.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from labelloop import clock
from labelloop.aws import detections, objects, review_labels, review_requests
from labelloop.aws import labeling_jobs as jobs
from labelloop.aws.wiring import wiring
from labelloop.domain import human_tasks, labeling_jobs
from labelloop.domain.annotations import ModelType
from labelloop.domain.detections import detection_id, human_loop_name
from labelloop.domain.images import ImageObject, is_folder_marker, refusal
from labelloop.domain.manifests import UNLABELLED_FOLDER, labelling_copy_key
from labelloop.entrypoint import Strict, task
from labelloop.errors import InvalidRequestError, RefusedError
from labelloop.settings import Variable

PAGES = Path(__file__).parent / "pages"
LOOKED_UP_AT_ONCE = 100
MOST_ASKED = 2000
"""In one run, so that it ends in time; the next one goes on."""


class Input(Strict):
    """Nothing: the bucket says what there is to do."""


class Output(Strict):
    """How many images people are asked about now, and why about none of the new ones, if so."""

    asked: int
    refused: int
    """Files that are no images, or too large."""
    problem: str
    job: str
    """The labelling job that asks about them; empty where the review queue does."""
    refusal: str
    """Why Ground Truth does not; empty where it was not asked or does."""


@task
def lambda_handler(_: Input) -> Output:
    """Make a task of each image that has none."""
    images = [
        image
        for image in objects.latest_versions(UNLABELLED_FOLDER)
        if not is_folder_marker(image.key)
    ]
    fitting = [image for image in images if refusal(image.key, image.size_bytes) is None]
    new = list(islice(_not_asked_about(fitting), MOST_ASKED))
    refused = len(images) - len(fitting)
    if new and not review_labels.choices() and not review_labels.may_be_new():
        problem = (
            "There are no labels that people could choose. Deploy with ReviewLabels, or with "
            "AllowNewLabels=true, or label some images yourself."
        )
        return Output(asked=0, refused=refused, problem=problem, job="", refusal="")
    flow_definition_arn = wiring[Variable.FLOW_DEFINITION_ARN]
    job, why_not = "", ""
    if new and flow_definition_arn:
        try:
            job = _start_job(new, flow_definition_arn)
        except RefusedError as error:
            why_not = str(error)
    if not job:
        for image in new:
            _ask(image)
    return Output(asked=len(new), refused=refused, problem="", job=job, refusal=why_not)


def _not_asked_about(images: Iterable[ImageObject]) -> Iterator[ImageObject]:
    remaining = iter(images)
    while group := list(islice(remaining, LOOKED_UP_AT_ONCE)):
        known = detections.asked_about([detection_id(image) for image in group])
        yield from (image for image in group if detection_id(image) not in known)


def _record(image: ImageObject) -> detections.Record:
    facts = {
        "bucket": image.bucket,
        "key": image.key,
        "version_id": image.version_id,
        "etag": image.etag,
        "size_bytes": image.size_bytes,
    }
    return detections.record_labeling_once(detection_id(image), facts, clock.now())


def _ask(image: ImageObject) -> None:
    record = _record(image)
    review_requests.on_console(record, clock.now())
    detection = record["detection_id"]
    detections.note(detection, {"human_loop": human_loop_name(detection)})


# --- Ground Truth ---------------------------------------------------------------------------------


def _start_job(images: list[ImageObject], flow_definition_arn: str) -> str:
    """Begin a labelling job about the images; its name. Raises a RefusedError where that fails."""
    if flow_definition_arn == human_tasks.UNAVAILABLE:
        raise InvalidRequestError("When the stack was deployed, A2I took no new customers.")
    model_type = ModelType(wiring[Variable.MODEL_TYPE])
    region = flow_definition_arn.split(":")[3]
    lambda_arns = labeling_jobs.lambda_arns(region, model_type)
    categories = labeling_jobs.categories(review_labels.choices(), model_type)
    prefix = labeling_jobs.prefix_of(flow_definition_arn)
    job = labeling_jobs.job(prefix, [detection_id(image) for image in images])
    lines = [
        labeling_jobs.input_line(_copied(image), _record(image)["detection_id"]) for image in images
    ]
    objects.write(job.input_manifest, "".join(f"{line}\n" for line in lines).encode())
    objects.write_json(job.labels, categories)
    objects.write(job.page, (PAGES / f"{model_type}.liquid.html").read_bytes(), "text/html")
    jobs.create(
        job,
        work_team_arn=wiring[Variable.WORKTEAM_ARN],
        role_arn=wiring[Variable.HUMAN_LOOP_ROLE_ARN],
        lambda_arns=lambda_arns,
        workers=wiring.whole_number(Variable.REVIEWERS_PER_IMAGE),
    )
    for image in images:
        detections.note(detection_id(image), {"human_loop": job.name})
    return job.name


def _copied(image: ImageObject) -> str:
    """The address of a copy of the version, where trainings may read it."""
    key = labelling_copy_key(detection_id(image), image.key)
    objects.copy(image.key, image.version_id, key)
    return f"s3://{objects.bucket()}/{key}"
