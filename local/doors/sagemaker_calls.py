"""SageMaker's calls: the emulator's operations, and what they do under other roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from local.doors import protocols
from local.doors.protocols import Response
from local.rekognition.service_error import ServiceError
from local.sagemaker.service import SageMaker
from local.sagemaker.world import World

if TYPE_CHECKING:
    from local.doors.calls import Call
    from local.runtime import Runtime


def emulator(runtime: Runtime) -> SageMaker:
    """The runtime's SageMaker."""
    return SageMaker(
        World(
            region=runtime.region,
            account_id=runtime.account_id,
            now=runtime.clock.now,
            read=lambda role, bucket, key: _read(runtime, role, bucket, key),
            write=lambda role, bucket, key, body: _write(runtime, role, bucket, key, body),
            check=lambda role, action, resource: _check(runtime, role, action, resource),
            trusts=lambda role: runtime.authorizer.trusts(
                role, "sagemaker.amazonaws.com", {"aws:SourceAccount": runtime.account_id}
            ),
            user_pool_client=lambda pool, client_id: _user_pool_client(runtime, pool, client_id),
            emit=lambda kind, detail, resources: runtime.bus.emit(
                runtime.bus.event("aws.sagemaker", kind, detail, resources)
            ),
        )
    )


def handle(call: Call, runtime: Runtime) -> Response:
    """The emulator's answer."""
    try:
        return protocols.json_response(runtime.sagemaker.handle(call.operation, call.params))
    except ServiceError as error:
        return protocols.error_response("sagemaker", error.code, error.message, error.http_status)


def _read(runtime: Runtime, role_arn: str, bucket: str, key: str) -> bytes:
    try:
        answer = runtime.client("s3", role_arn).get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        raise _as_python(error) from error
    body: bytes = answer["Body"].read()
    return body


def _write(runtime: Runtime, role_arn: str, bucket: str, key: str, body: bytes) -> None:
    try:
        runtime.client("s3", role_arn).put_object(Bucket=bucket, Key=key, Body=body)
    except ClientError as error:
        raise _as_python(error) from error


def _check(runtime: Runtime, role_arn: str, action: str, resource: str) -> None:
    metrics = {"cloudwatch:namespace": "AWS/SageMaker/LabelingJobs"}
    context = metrics if action == "cloudwatch:PutMetricData" else {}
    if not runtime.authorizer.check(role_arn, action, resource, context):
        raise PermissionError(f"{role_arn} may not {action} on {resource}")


def _as_python(error: ClientError) -> Exception:
    refused = error.response["Error"]["Code"] in {"AccessDenied", "403"}
    return PermissionError(str(error)) if refused else KeyError(str(error))


def _user_pool_client(runtime: Runtime, pool: str, client_id: str) -> Mapping[str, Any] | None:
    cognito = runtime.client("cognito-idp")
    try:
        answer = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=client_id)
    except ClientError:
        return None
    found: Mapping[str, Any] = answer["UserPoolClient"]
    return found
