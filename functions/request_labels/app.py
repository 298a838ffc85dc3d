"""RequestLabels: ask people what images show of which nobody has said anything yet.

Invoked by  statemachine/image_labeling.asl.yaml, state ``RequestLabels``
Raises      ThrottledError, ServiceFailedError, ChangedMeanwhileError   retried by the state machine
Idempotent  yes; an image version's task has the name of its record, and the record says last that
            people were asked; which labelling job is to ask, it says before there is one

The answers go the way of those about detections: what reads them finds a record in the inference
log, whose outcome is ``labeling``. Where A2I is the review backend, a labelling job of Ground Truth
asks instead. Who follows the job notes that people are asked: a job that nobody follows is found
again by the next run, with the images of its input manifest.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from labelloop import clock
from labelloop.aws import detections, objects, review_labels, review_requests
from labelloop.aws import labeling_jobs as jobs
from labelloop.aws.wiring import wiring
from labelloop.domain import human_tasks, labeling_jobs, origins
from labelloop.domain.annotations import ModelType
from labelloop.domain.detections import detection_id, human_loop_name
from labelloop.domain.images import ImageObject, is_folder_marker, refusal
from labelloop.domain.labeling_jobs import Job
from labelloop.domain.manifests import UNLABELLED_FOLDER, labelling_copy_key
from labelloop.domain.origins import Origin, Provenance
from labelloop.entrypoint import Strict, task
from labelloop.errors import InvalidRequestError, NotFoundError, RefusedError
from labelloop.settings import Variable

PAGES = Path(__file__).parent / "pages"
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
    if new and flow_definition_arn:
        return _ask_workers(new, flow_definition_arn, refused)
    for image in new:
        _ask(image)
    return Output(asked=len(new), refused=refused, problem="", job="", refusal="")


def _not_asked_about(images: Iterable[ImageObject]) -> Iterator[ImageObject]:
    remaining = iter(images)
    while group := list(islice(remaining, detections.LOOKED_UP_AT_ONCE)):
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


def _ask_workers(new: list[ImageObject], flow_definition_arn: str, refused: int) -> Output:
    """Let a labelling job ask: about the images of one that died on the way, if there is one."""
    job, images = _marked(new, labeling_jobs.prefix_of(flow_definition_arn))
    asked_by_job, why_not = set[str](), ""
    try:
        asked_by_job = _start(job, images, flow_definition_arn)
    except RefusedError as error:
        # Images that are not on the console before this dies would be in a job of all of them.
        objects.delete(job.input_manifest)
        why_not = str(error)
    for image in images:
        if detection_id(image) not in asked_by_job:
            _ask(image)
    return Output(
        asked=len(images),
        refused=refused,
        problem="",
        job="" if why_not else job.name,
        refusal=why_not,
    )


def _marked(new: list[ImageObject], prefix: str) -> tuple[Job, list[ImageObject]]:
    """A labelling job and its images; those of other jobs are left to the next run."""
    job = labeling_jobs.job(prefix, [detection_id(image) for image in new])
    by_job: dict[str, list[ImageObject]] = {}
    for image in new:
        _record(image)
        by_job.setdefault(detections.mark(detection_id(image), job.name), []).append(image)
    name, images = next(iter(by_job.items()))
    return Job(name), images


def _start(job: Job, images: list[ImageObject], flow_definition_arn: str) -> set[str]:
    """Begin the job, unless it has begun; the records of the images that it asks about.

    Raises a RefusedError where that fails.
    """
    if flow_definition_arn == human_tasks.UNAVAILABLE:
        raise InvalidRequestError("When the stack was deployed, A2I took no new customers.")
    model_type = ModelType(wiring[Variable.MODEL_TYPE])
    lambda_arns = labeling_jobs.lambda_arns(flow_definition_arn.split(":")[3], model_type)
    try:
        asked = _listed(job)
    except NotFoundError:
        _write_files(job, images, model_type)
        asked = _listed(job)
    jobs.create(
        job,
        work_team_arn=wiring[Variable.WORKTEAM_ARN],
        role_arn=wiring[Variable.HUMAN_LOOP_ROLE_ARN],
        lambda_arns=lambda_arns,
        workers=wiring.whole_number(Variable.REVIEWERS_PER_IMAGE),
    )
    return asked


def _listed(job: Job) -> set[str]:
    return set(labeling_jobs.detections_in(objects.lines(job.input_manifest)))


def _write_files(job: Job, images: list[ImageObject], model_type: ModelType) -> None:
    """Write what the job is made of, the input manifest last, and that never twice."""
    objects.write_json(job.labels, labeling_jobs.categories(review_labels.choices(), model_type))
    objects.write(job.page, (PAGES / f"{model_type}.liquid.html").read_bytes(), "text/html")
    lines = [labeling_jobs.input_line(_copied(image), detection_id(image)) for image in images]
    body = "".join(f"{line}\n" for line in lines).encode()
    objects.write_new(job.input_manifest, body, "application/jsonl")


def _copied(image: ImageObject) -> str:
    """The address of a copy of the version, where trainings may read it."""
    key = labelling_copy_key(detection_id(image), image.key)
    origin = Provenance(Origin.LABELLING, detection_id(image))
    metadata = origins.as_metadata(origin, objects.bucket())
    objects.copy(image.key, image.version_id, key, metadata=metadata)
    return f"s3://{objects.bucket()}/{key}"
