"""RequestLabels: ask people what images show of which nobody has said anything yet.

Invoked by  statemachine/image_labeling.asl.yaml, state ``RequestLabels``
Raises      ThrottledError, ServiceFailedError, ChangedMeanwhileError   retried by the state machine
Idempotent  yes; an image version's task has the name of its record, and the record says last that
            people were asked, or that no training could use the image; which labelling job is to
            ask, it says before there is one

The answers go the way of those about detections: what reads them finds a record in the inference
log, whose outcome is ``labeling``. Where A2I is the review backend, a labelling job of Ground Truth
asks instead. Who follows the job notes that people are asked: a job that nobody follows is found
again by the next run, with the images of its input manifest.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from labelloop import clock
from labelloop.aws import detections, detections_by_id, objects
from labelloop.aws import labeling_jobs as jobs
from labelloop.aws.wiring import wiring
from labelloop.domain import fitness, human_tasks, labeling_jobs, origins
from labelloop.domain.annotations import ModelType
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import detection_id, human_loop_name
from labelloop.domain.images import ImageObject, is_by_the_way, is_folder_marker
from labelloop.domain.labeling_jobs import Job
from labelloop.domain.manifests import UNLABELLED_FOLDER, labelling_copy_key
from labelloop.domain.origins import Origin, Provenance
from labelloop.entrypoint import Strict, Tolerant, logger, task
from labelloop.errors import (
    InvalidRequestError,
    NotFoundError,
    ObjectUnreadableError,
    PermissionMissingError,
    RefusedError,
)
from labelloop.services import review_labels, review_requests
from labelloop.settings import Variable

PAGES = Path(__file__).parent / "pages"
MOST_ASKED = 2000
"""In one run, so that it ends in time; the next one goes on."""
MOST_BYTES = 8 * 1024**3
"""Read in one run, for the same reason."""
MOST_NAMED = 100
"""Of the images that are left out, so many are named; the others are counted."""
PARALLEL_READS = 16


class Asked(Tolerant):
    """The execution's input."""

    asked_by: str = ""


class Input(Strict):
    """Who asks, as they say themselves; empty for a schedule. The bucket says what is to do."""

    asked: Asked = Asked()


class ImageLeftOut(Strict):
    """An image that nobody is asked about, and why: a sentence."""

    key: str
    reason: str


class Output(Strict):
    """How many images people are asked about now, and why about none of the new ones, if so."""

    asked: int
    refused: int
    """Files from which no training could learn, those of earlier runs too."""
    left_out: list[ImageLeftOut]
    """The first of them."""
    newly_left_out: int
    """How many of them no earlier run has found, and are worth a message."""
    problem: str
    job: str
    """The labelling job that asks about them; empty where the review queue does."""
    refusal: str
    """Why Ground Truth does not; empty where it was not asked or does."""


@dataclass
class _Found:
    """What a look at the images told."""

    new: list[ImageObject] = field(default_factory=list)
    """Those to ask about."""
    left_out: list[ImageLeftOut] = field(default_factory=list)
    newly_left_out: int = 0
    bytes_read: int = 0

    def output(self, asked: int, problem: str = "", job: str = "", refusal: str = "") -> Output:
        """What to say of them."""
        return Output(
            asked=asked,
            refused=len(self.left_out),
            left_out=self.left_out[:MOST_NAMED],
            newly_left_out=self.newly_left_out,
            problem=problem,
            job=job,
            refusal=refusal,
        )


@task
def lambda_handler(request: Input) -> Output:
    """Make a task of each image that has none and can train."""
    if request.asked.asked_by:
        logger.info("labels asked for", extra={"asked_by": request.asked.asked_by})
    images = (
        latest.image
        for latest in objects.latest_versions(UNLABELLED_FOLDER)
        if not is_folder_marker(latest.image.key)
    )
    can_answer = bool(review_labels.choices()) or review_labels.may_be_new()
    found = _look_at(images, MOST_ASKED if can_answer else 1)
    if found.new and not can_answer:
        problem = (
            "There are no labels that people could choose. Deploy with ReviewLabels, or with "
            "AllowNewLabels=true, or label some images yourself."
        )
        return found.output(asked=0, problem=problem)
    flow_definition_arn = wiring[Variable.FLOW_DEFINITION_ARN]
    if found.new and flow_definition_arn:
        return _ask_workers(found, flow_definition_arn)
    for image in found.new:
        _ask(image)
    return found.output(asked=len(found.new))


def _look_at(images: Iterable[ImageObject], most: int) -> _Found:
    """Tell the images to ask about from those that no training could use; each is read once."""
    found = _Found()
    remaining = iter(images)
    with ThreadPoolExecutor(PARALLEL_READS) as threads:
        while group := list(islice(remaining, detections_by_id.LOOKED_UP_AT_ONCE)):
            known = detections_by_id.labelling([detection_id(image) for image in group])
            unknown = []
            for image in group:
                became = known.get(detection_id(image)) or DetectionRecord.of(image)
                if became.left_out and became.left_out_by == fitness.RULES:
                    found.left_out.append(ImageLeftOut(key=image.key, reason=became.left_out))
                elif not became.human_loop:
                    unknown.append(image)
            for image, verdict in zip(unknown, threads.map(_verdict, unknown), strict=True):
                found.bytes_read += image.size_bytes
                if verdict is None:
                    continue
                reason, rules = verdict
                if reason:
                    found.left_out.append(ImageLeftOut(key=image.key, reason=reason))
                    found.newly_left_out += reason != _BY_THE_WAY
                    detections.leave_out(image, reason, rules, clock.now())
                else:
                    found.new.append(image)
            if len(found.new) >= most or found.bytes_read >= MOST_BYTES:
                break
    found.new = found.new[:most]
    return found


_BY_THE_WAY = "It is hidden, or another program has left it there."
"""No news: whoever looks for it is told, and nobody is written to."""


def _verdict(image: ImageObject) -> tuple[str, int] | None:
    """Why no training could use it, in a sentence or nothing, and by which rules.

    None where it was deleted.
    """
    if is_by_the_way(image.key.removeprefix(UNLABELLED_FOLDER)):
        return _BY_THE_WAY, fitness.RULES
    try:
        with objects.opened(image.key, image.version_id) as content:
            return fitness.look(content.pieces, image.size_bytes).refusal, fitness.RULES
    except NotFoundError:
        return None
    except (PermissionMissingError, ObjectUnreadableError) as error:
        # By no rules, so that the next run tries again: this can be mended.
        return f"It may not be read: {error}", 0


def _ask(image: ImageObject) -> None:
    record = detections.record_labeling_once(image, clock.now())
    review_requests.on_console(record, clock.now())
    detections.note_asked(record.detection_id, human_loop_name(record.detection_id))


# --- Ground Truth ---------------------------------------------------------------------------------


def _ask_workers(found: _Found, flow_definition_arn: str) -> Output:
    """Let a labelling job ask: about the images of one that died on the way, if there is one."""
    job, images = _marked(found.new, labeling_jobs.prefix_of(flow_definition_arn))
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
    return found.output(len(images), job="" if why_not else job.name, refusal=why_not)


def _marked(new: list[ImageObject], prefix: str) -> tuple[Job, list[ImageObject]]:
    """A labelling job and its images; those of other jobs are left to the next run."""
    job = labeling_jobs.job(prefix, [detection_id(image) for image in new])
    by_job: dict[str, list[ImageObject]] = {}
    for image in new:
        detections.record_labeling_once(image, clock.now())
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
