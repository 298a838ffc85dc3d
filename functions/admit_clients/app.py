"""AdmitClients: say whose tokens the API takes, and delete machine clients when the stack goes.

Invoked by  CloudFormation, for the resource ``ApiAudience``
Raises      nothing: every outcome is an answer to CloudFormation
Idempotent  yes; the user pool is read each time, and what is deleted already is passed over

``labelloop clients`` makes machine clients while the stack runs. The template knows the page's own
client alone; without the others from here, a deployment would shut them out.
"""

from collections.abc import Callable

from labelloop.answering import NEVER_MADE, answer
from labelloop.aws import functions, machine_clients
from labelloop.custom_resource import ResourceAnswer, ResourceRequest, custom_resource
from labelloop.entrypoint import Tolerant
from labelloop.errors import NotFoundError


class Wanted(Tolerant):
    """What the template says."""

    Stack: str
    UserPool: str
    PageClient: str


@custom_resource(answer, functions.start)
def lambda_handler(request: ResourceRequest, _: Callable[[], float]) -> ResourceAnswer:
    """List the clients, or delete those of programs."""
    wanted = Wanted.model_validate(request.properties)
    if request.request_type == "Delete":
        if request.physical_resource_id not in {"", NEVER_MADE}:
            _delete_all(wanted)
        return ResourceAnswer(physical_resource_id=request.physical_resource_id or NEVER_MADE)
    programs = machine_clients.of_stack(wanted.UserPool, wanted.Stack)
    audience = [wanted.PageClient, *(program.client_id for program in programs)]
    return ResourceAnswer(
        physical_resource_id=f"{wanted.Stack}-api-audience",
        attributes={"Audience": ",".join(audience)},
    )


def _delete_all(wanted: Wanted) -> None:
    """A pool outlives its stack, and Cognito bills each client for as long as it is there."""
    try:
        for program in machine_clients.of_stack(wanted.UserPool, wanted.Stack):
            machine_clients.delete(wanted.UserPool, program.client_id)
    except NotFoundError:
        return  # The pool is gone, and they with it.
