"""SwitchModel: let a proven version serve, in one conditional write.

Invoked by  statemachine/model_training.asl.yaml, state ``SwitchModel``
Raises      ChangedMeanwhileError, ThrottledError, ServiceFailedError   retried
Idempotent  yes; a version that serves already stays
"""

from labelloop.aws import model_registry, parameters
from labelloop.entrypoint import Strict, logger, task


class Input(Strict):
    """The version that takes over."""

    version: str
    version_arn: str


class Output(Strict):
    """The version that served before, if there was another one."""

    version: str
    previous: str | None


@task
def lambda_handler(request: Input) -> Output:
    """Switch the pointer, then show people what is deployed.

    Nothing after the switch may fail it: the workflow would take the candidate for unproven.
    """
    version = model_registry.version(request.version) or {}
    now = model_registry.switch(request.version, request.version_arn, model_registry.deployed())
    try:
        parameters.show_system_record(
            {
                "deployed": now.version,
                "previous": now.previous,
                "images_trained": version.get("train_images"),
            }
        )
    except Exception:
        logger.exception("what is deployed is not shown", extra={"deployed": now.version})
    return Output(version=now.version, previous=now.previous)
