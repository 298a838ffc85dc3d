"""SetUpStack: make what CloudFormation cannot, and stop what it would leave running.

Invoked by  CloudFormation, for the resource ``Setup``
Raises      nothing: every outcome is an answer to CloudFormation
Idempotent  yes; Create and Update adopt what is there, Delete stops what still runs

On Delete everything else of the stack may be gone already: it needs the project and nothing else.
Images, versions, the log and the parameters stay.
"""

from collections.abc import Callable

from labelloop import clock
from labelloop.answering import NEVER_MADE, answer
from labelloop.aws import functions, model_versions, objects, parameters, rekognition
from labelloop.aws.rekognition import VersionStatus
from labelloop.custom_resource import NotYetDone, ResourceAnswer, ResourceRequest, custom_resource
from labelloop.domain import stack_names
from labelloop.domain.annotations import ModelType
from labelloop.domain.parameters import CATALOGUE, Parameter
from labelloop.entrypoint import logger
from labelloop.errors import BusyError, ConfigurationError, NotFoundError, RefusedError

FOLDERS = (
    "images_labeled_by_folder/",
    "images_for_detection/",
    "images_to_label/",
    "a2i-human-loop-data/",
    "manifests/imported/",
    "evaluation/",
)
NO_MODELS = {VersionStatus.TRAINING_FAILED, VersionStatus.DELETING}
LOOK_EVERY_S = 15.0
TIME_TO_HAND_OVER_S = 60.0
"""With less time left, another invocation goes on."""


@custom_resource(answer, functions.start)
def lambda_handler(request: ResourceRequest, seconds_left: Callable[[], float]) -> ResourceAnswer:
    """Set up, or clean up."""
    if request.request_type == "Delete":
        if request.physical_resource_id not in {"", NEVER_MADE}:
            _stop_every_version(request.physical_resource_id, seconds_left)
        return ResourceAnswer(physical_resource_id=request.physical_resource_id or NEVER_MADE)
    name = request.properties["ProjectName"]
    if reason := stack_names.refusal(name):
        raise ConfigurationError(reason)
    project_arn = rekognition.create_or_adopt_project(name)
    attributes = {"ProjectArn": project_arn}
    # Without, in a rollback to a release that had it elsewhere.
    if "ModelType" in request.properties:
        attributes["ModelType"] = _settled(ModelType(request.properties["ModelType"]), project_arn)
    for folder in FOLDERS:
        objects.write_folder(folder)
    _define_parameters()
    parameters.tag_all()
    _tag_models(project_arn)
    return ResourceAnswer(physical_resource_id=project_arn, attributes=attributes)


def _settled(wanted: ModelType, project_arn: str) -> ModelType:
    """The type that the stack has from now on. Raises ConfigurationError where it has another.

    All functions get their type from here, so that none of them has a new one before it is known
    that there is no model of the old one, which would then answer for it.
    """
    settled = model_versions.model_type()
    if settled == wanted:
        return wanted
    if settled and any(
        version.status not in NO_MODELS for version in rekognition.versions(project_arn)
    ):
        raise ConfigurationError(
            f"ModelType cannot become {wanted}: the stack has versions of the type {settled}, and "
            f"goes on as it is. Deploy it with ModelType={settled}, and another stack for "
            f"{wanted}: sam deploy --stack-name"
        )
    model_versions.note_model_type(wanted)
    return wanted


def _define_parameters() -> None:
    """Create the parameters that are missing; give the others our wording and keep their values.

    What is missing among others was deleted, or is new in this release.
    """
    described = parameters.described()
    values = parameters.stored()
    for parameter in CATALOGUE:
        if parameter.name not in described:
            parameters.create(parameter, parameter.fallback if described else parameter.default)
        elif described[parameter.name] != (parameter.description, parameter.pattern):
            value, version = values[parameter.name]
            _redefine(parameter, value, version)


def _redefine(parameter: Parameter, value: str, version: int) -> None:
    """Change description and pattern around the operator's value.

    Parameter Store has no conditional write. When the operator changed the value between our
    reading and our writing, the version has jumped: then the operator's value is put back.
    """
    if not parameter.accepts(value):
        logger.warning("value kept under its former pattern", extra={"parameter": parameter.name})
        return
    written = parameters.redefine(parameter, value)
    if written > version + 1:
        meanwhile = parameters.value_of_version(parameter.name, written - 1)
        if meanwhile is not None and parameter.accepts(meanwhile):
            parameters.redefine(parameter, meanwhile)


def _tag_models(project_arn: str) -> None:
    """Tag the project and its versions, which may be older than their tag.

    What the service takes no tag for stays without, which `labelloop status` tells.
    """
    versions = rekognition.versions(project_arn)
    for arn in (project_arn, *(version.arn for version in versions)):
        try:
            rekognition.tag(arn)
        except RefusedError as error:
            logger.warning("stays without tag", extra={"arn": arn, "reason": str(error)})


def _stop_every_version(project_arn: str, seconds_left: Callable[[], float]) -> None:
    """Stop each version that is or will be billed, and wait until none is.

    A version cannot be stopped while it starts; then there is nothing to do but to look again.
    """
    while True:
        try:
            active = [
                version
                for version in rekognition.versions(project_arn)
                if rekognition.is_active(version.status)
            ]
        except NotFoundError:
            return
        if not active:
            return
        for version in active:
            try:
                rekognition.stop_version(version.arn, project_arn)
            except BusyError:
                logger.info("cannot be stopped yet", extra={"version": version.name})
        if seconds_left() < TIME_TO_HAND_OVER_S:
            raise NotYetDone
        clock.sleep(LOOK_EVERY_S)
