"""SwitchModel: let a proven version serve, in one conditional write.

Invoked by  statemachine/model_training.asl.yaml, state ``SwitchModel``
Raises      ChangedMeanwhileError, ThrottledError, ServiceFailedError   retried
Idempotent  yes; a version that serves already stays
"""

from typing import Any

from labelloop import clock
from labelloop.aws import deployed_version, hosting_state, model_versions, parameters, training_lock
from labelloop.aws.wiring import wiring
from labelloop.clock import from_iso
from labelloop.domain.hosting import run_in_figures
from labelloop.entrypoint import Strict, logger, task
from labelloop.settings import Variable


class Input(Strict):
    """The version that takes over."""

    version: str
    version_arn: str


class Output(Strict):
    """The version that served before, if there was another one, and what is known of its run."""

    version: str
    again: bool
    """Whether it was in service before, and has only been started again."""
    previous: str | None
    previous_run: dict[str, Any] | None
    """Its hours and costs up to now; None where it did not run, or nobody has seen since when."""


@task
def lambda_handler(request: Input) -> Output:
    """Switch the pointer, then show people what is deployed, and what the one before has cost.

    Nothing after the switch may fail it: the workflow would take the candidate for unproven.
    """
    version = model_versions.read(request.version)
    lock = training_lock.read()
    by = lock.owner if lock else ""
    now = deployed_version.switch(request.version, request.version_arn, deployed_version.now(), by)
    try:
        parameters.show_system_record(
            {
                "deployed": now.version,
                "previous": now.previous,
                "images_trained": version.train_images if version else None,
            }
        )
    except Exception:
        logger.exception("what is deployed is not shown", extra={"deployed": now.version})
    again = now.switched_by != by
    run = None if again else _run_of(now.previous)
    return Output(version=now.version, again=again, previous=now.previous, previous_run=run)


def _run_of(version: str | None) -> dict[str, Any] | None:
    """How long the version has run by now; a deployment in place has ended that to make room."""
    try:
        hosting, lock = hosting_state.of(version or ""), training_lock.read()
        in_place = lock is not None and lock.in_place
        if hosting.running_since is None or not (hosting.runs or in_place):
            return None
        end = from_iso(hosting.stopped) if hosting.stopped else clock.now()
        ran_for = end - from_iso(hosting.running_since)
        price = float(wiring[Variable.USD_PER_INFERENCE_UNIT_HOUR])
        return run_in_figures(ran_for, hosting.inference_units, price)
    except Exception:
        logger.exception("what the version before has cost is not known")
        return None
