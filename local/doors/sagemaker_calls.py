"""SageMaker's calls: the emulator's operations, and what they do under other roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.clock import Clock
from local.constants import ACCOUNT_ID, REGION
from local.doors import protocols
from local.doors.calls import Call
from local.http_messages import Response
from local.permissions.authorization import Authorizer
from local.rekognition.service_error import ServiceError
from local.role_clients import Clients
from local.sagemaker.service import SageMaker
from local.sagemaker.world import World
from local.services.event_bus import EventBus


def emulator(clock: Clock, clients: Clients, authorizer: Authorizer, bus: EventBus) -> SageMaker:
    """The runtime's SageMaker."""
    return SageMaker(
        World(
            region=REGION,
            account_id=ACCOUNT_ID,
            now=clock.now,
            read=lambda role, bucket, key: _read(clients, role, bucket, key),
            write=lambda role, bucket, key, body: _write(clients, role, bucket, key, body),
            check=lambda role, action, resource: _check(authorizer, role, action, resource),
            trusts=lambda role: authorizer.trusts(
                role, "sagemaker.amazonaws.com", {"aws:SourceAccount": ACCOUNT_ID}
            ),
            user_pool_client=lambda pool, client_id: _user_pool_client(clients, pool, client_id),
            emit=lambda kind, detail, resources: bus.emit(
                bus.event("aws.sagemaker", kind, detail, resources)
            ),
        )
    )


def handle(call: Call, sagemaker: SageMaker) -> Response:
    """The emulator's answer."""
    try:
        return protocols.json_response(sagemaker.handle(call.operation, call.params))
    except ServiceError as error:
        return protocols.error_response("sagemaker", error.code, error.message, error.http_status)


def _read(clients: Clients, role_arn: str, bucket: str, key: str) -> bytes:
    try:
        answer = clients.client("s3", role_arn).get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        raise _as_python(error) from error
    body: bytes = answer["Body"].read()
    return body


def _write(clients: Clients, role_arn: str, bucket: str, key: str, body: bytes) -> None:
    try:
        clients.client("s3", role_arn).put_object(Bucket=bucket, Key=key, Body=body)
    except ClientError as error:
        raise _as_python(error) from error


def _check(authorizer: Authorizer, role_arn: str, action: str, resource: str) -> None:
    metrics = {"cloudwatch:namespace": "AWS/SageMaker/LabelingJobs"}
    context = metrics if action == "cloudwatch:PutMetricData" else {}
    if not authorizer.check(role_arn, action, resource, context):
        raise PermissionError(f"{role_arn} may not {action} on {resource}")


def _as_python(error: ClientError) -> Exception:
    refused = error.response["Error"]["Code"] in {"AccessDenied", "403"}
    return PermissionError(str(error)) if refused else KeyError(str(error))


def _user_pool_client(clients: Clients, pool: str, client_id: str) -> Mapping[str, Any] | None:
    cognito = clients.client("cognito-idp")
    try:
        answer = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=client_id)
    except ClientError:
        return None
    found: Mapping[str, Any] = answer["UserPoolClient"]
    return found
