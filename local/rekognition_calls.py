"""Rekognition's calls: the emulator's operations under the caller's own S3 permissions.

Amazon Rekognition reads images and manifests, and writes results, with the permissions of whoever
calls it (Custom Labels developer guide, su-console-policy). So does the emulator: its store asks
for the role of the call at hand.
"""

from __future__ import annotations

import base64
import contextvars
import json
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException
from moto.s3.models import s3_backends
from werkzeug.exceptions import HTTPException

from local import protocols
from local.constants import ACCOUNT_ID
from local.protocols import Response
from local.rekognition.errors import ServiceError

if TYPE_CHECKING:
    from local.calls import Call
    from local.identity import Principal
    from local.runtime import Runtime

_acting_role: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    "acting_role", default=None
)


class BucketStore:
    """The stack's buckets for the emulator; in a call, under the caller's role."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def get(self, bucket: str, key: str, version: str | None) -> bytes:
        """The object's content; KeyError when it is missing, PermissionError when refused."""
        action = "s3:GetObjectVersion" if version else "s3:GetObject"
        self._check(action, f"arn:aws:s3:::{bucket}/{key}")
        try:
            found = s3_backends[ACCOUNT_ID]["aws"].get_object(bucket, key, version_id=version)
        except (ServiceException, HTTPException) as error:
            raise KeyError(key) from error
        if found is None:
            raise KeyError(key)
        return bytes(found.value)

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Stores the content; KeyError without the bucket, PermissionError when refused."""
        self._check("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
        try:
            self._runtime.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        except self._runtime.client("s3").exceptions.NoSuchBucket as error:
            raise KeyError(bucket) from error

    def _check(self, action: str, resource_arn: str) -> None:
        role_arn = _acting_role.get()
        if role_arn and not self._runtime.authorizer.check(role_arn, action, resource_arn):
            raise PermissionError(f"{action} on {resource_arn}")


def refusal(call: Call, principal: Principal, runtime: Runtime) -> Response | None:
    """The answer when the caller may not use the S3 objects of the call; None when it may."""
    for action, resource in _objects(call, runtime):
        decision = runtime.authorizer.check(principal.role_arn, action, resource)
        if decision:
            continue
        if action.startswith("s3:GetObject"):
            message = (
                "Unable to get object metadata from S3. Check object key, region and/or access "
                f"permissions. ({principal.role_name} may not {action} {resource})"
            )
            return protocols.error_response("rekognition", "InvalidS3ObjectException", message, 400)
        message = (
            f"User: {principal.session_arn} is not authorized to perform: {action} "
            f"on resource: {resource} {decision.reason}"
        )
        return protocols.error_response("rekognition", "AccessDeniedException", message, 400)
    return None


def _objects(call: Call, runtime: Runtime) -> list[tuple[str, str]]:
    """Action and ARN of every S3 object that the call makes Rekognition use."""
    params = call.params
    if call.operation == "DetectCustomLabels":
        return _reading(params.get("Image", {}).get("S3Object"))
    if call.operation == "CreateDataset":
        manifest = params.get("DatasetSource", {}).get("GroundTruthManifest", {}).get("S3Object")
        return _reading(manifest) + _images(_content(manifest, runtime))
    if call.operation == "UpdateDatasetEntries":
        return _images(base64.b64decode(params.get("Changes", {}).get("GroundTruth", "")))
    if call.operation in ("CreateProjectVersion", "CopyProjectVersion"):
        output = params.get("OutputConfig", {})
        bucket = f"arn:aws:s3:::{output.get('S3Bucket')}"
        prefix = str(output.get("S3KeyPrefix", "")).rstrip("/")
        return [
            ("s3:GetBucketAcl", bucket),
            ("s3:GetBucketLocation", bucket),
            ("s3:PutObject", f"{bucket}/{prefix}/evaluation"),
        ]
    return []


def _reading(s3_object: Any) -> list[tuple[str, str]]:
    if not isinstance(s3_object, dict):
        return []
    action = "s3:GetObjectVersion" if s3_object.get("Version") else "s3:GetObject"
    return [(action, f"arn:aws:s3:::{s3_object.get('Bucket')}/{s3_object.get('Name')}")]


def _content(s3_object: Any, runtime: Runtime) -> bytes:
    if not isinstance(s3_object, dict):
        return b""
    try:
        store = BucketStore(runtime)
        return store.get(s3_object["Bucket"], s3_object["Name"], s3_object.get("Version"))
    except KeyError:
        return b""  # the emulator says so in Rekognition's words


def _images(manifest: bytes) -> list[tuple[str, str]]:
    """Every image that the lines name, once; lines that are no JSON the emulator refuses."""
    images: dict[tuple[str, str], None] = {}
    for line in manifest.splitlines():
        try:
            source = json.loads(line)["source-ref"]
        except (ValueError, KeyError, TypeError):
            continue
        arn = str(source).replace("s3://", "arn:aws:s3:::", 1)
        images["s3:GetObject", arn] = None
    return list(images)


def handle(call: Call, principal: Principal | None, runtime: Runtime) -> Response:
    """The emulator's answer."""
    token = _acting_role.set(principal.role_arn if principal else None)
    try:
        return protocols.json_response(runtime.rekognition.handle(call.operation, call.params))
    except ServiceError as error:
        return protocols.error_response("rekognition", error.code, error.message, error.http_status)
    finally:
        _acting_role.reset(token)
