"""Rekognition's calls: the emulator's operations under the caller's own S3 permissions.

Amazon Rekognition reads images and manifests, and writes results, with the permissions of whoever
calls it (Custom Labels developer guide, su-console-policy). So does the emulator: its store asks
for the role of the call at hand.
"""

from __future__ import annotations

import base64
import contextvars
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.exceptions import ServiceException
from moto.s3.models import s3_backends
from werkzeug.exceptions import HTTPException

from local.constants import ACCOUNT_ID
from local.doors import protocols
from local.doors.calls import Call
from local.http_messages import Response
from local.permissions.authorization import Authorizer
from local.permissions.identity import Principal
from local.rekognition.service import RekognitionService
from local.rekognition.service_error import ServiceError
from local.role_clients import Clients

# What the guide's policy has (su-console-policy): whoever calls needs all of it.
_BUCKET_ACTIONS = ("s3:GetBucketAcl", "s3:GetBucketLocation", "s3:ListBucket")
_OBJECT_ACTIONS = (
    "s3:GetObject",
    "s3:GetObjectAcl",
    "s3:GetObjectVersion",
    "s3:GetObjectTagging",
)

_acting_role: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    "acting_role", default=None
)


class BucketStore:
    """The buckets of a Region for its emulator; in a call, under the caller's role."""

    def __init__(self, clients: Clients, authorizer: Authorizer, region: str) -> None:
        self._clients = clients
        self._authorizer = authorizer
        self._region = region

    def get(self, bucket: str, key: str, version: str | None) -> bytes:
        """The object's content; KeyError when it is missing, PermissionError when refused."""
        action = "s3:GetObjectVersion" if version else "s3:GetObject"
        self._check(action, f"arn:aws:s3:::{bucket}/{key}")
        buckets = s3_backends[ACCOUNT_ID]["aws"]
        try:
            if buckets.get_bucket(bucket).region_name != self._region:
                raise KeyError(key)
            found = buckets.get_object(bucket, key, version_id=version)
        except (ServiceException, HTTPException) as error:
            raise KeyError(key) from error
        if found is None:
            raise KeyError(key)
        return bytes(found.value)

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Stores the content; KeyError without the bucket, PermissionError when refused."""
        self._check("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
        try:
            self._clients.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        except self._clients.client("s3").exceptions.NoSuchBucket as error:
            raise KeyError(bucket) from error

    def _check(self, action: str, resource_arn: str) -> None:
        role_arn = _acting_role.get()
        if role_arn and not self._authorizer.check(role_arn, action, resource_arn):
            raise PermissionError(f"{action} on {resource_arn}")


class RekognitionCalls:
    """The emulator of each Region, made when it is first asked, and who may use it for what."""

    def __init__(
        self,
        clients: Clients,
        authorizer: Authorizer,
        make: Callable[[BucketStore, str], RekognitionService],
    ) -> None:
        self._clients = clients
        self._authorizer = authorizer
        self._make = make
        self._services: dict[str, RekognitionService] = {}
        self._lock = threading.Lock()

    def of(self, region: str) -> RekognitionService:
        """What a request that is signed for the Region speaks to."""
        with self._lock:
            if region not in self._services:
                self._services[region] = self._make(self._store(region), region)
            return self._services[region]

    def close(self) -> None:
        """Waits for trainings that are under way, and drops those that are not."""
        for service in self._services.values():
            service.close()

    def handle(self, call: Call, principal: Principal | None) -> Response:
        """The emulator's answer."""
        token = _acting_role.set(principal.role_arn if principal else None)
        try:
            service = self.of(call.region)
            return protocols.json_response(service.handle(call.operation, call.params))
        except ServiceError as error:
            return protocols.error_response(
                "rekognition", error.code, error.message, error.http_status
            )
        finally:
            _acting_role.reset(token)

    def refusal(self, call: Call, principal: Principal) -> Response | None:
        """The answer when the caller may not use the S3 objects of the call; None when it may."""
        for action, resource in self._objects(call):
            decision = self._authorizer.check(principal.role_arn, action, resource)
            if decision:
                continue
            if action.startswith("s3:GetObject"):
                message = (
                    "Unable to get object metadata from S3. Check object key, region and/or access "
                    f"permissions. ({principal.role_name} may not {action} {resource})"
                )
                return protocols.error_response(
                    "rekognition", "InvalidS3ObjectException", message, 400
                )
            message = (
                f"User: {principal.session_arn} is not authorized to perform: {action} "
                f"on resource: {resource} {decision.reason}"
            )
            return protocols.error_response("rekognition", "AccessDeniedException", message, 400)
        return None

    def _objects(self, call: Call) -> list[tuple[str, str]]:
        """Action and ARN of everything in S3 that the call makes Rekognition use."""
        params = call.params
        if call.operation == "DetectCustomLabels":
            return _reading(params.get("Image", {}).get("S3Object"))
        if call.operation == "CreateDataset":
            manifest = (
                params.get("DatasetSource", {}).get("GroundTruthManifest", {}).get("S3Object")
            )
            if not isinstance(manifest, dict):
                return []
            address = f"s3://{manifest.get('Bucket')}/{manifest.get('Name')}"
            # The manifest's own rights first: without them it is not opened.
            return _training_on([address]) + _training_on(self._images(manifest, call.region))
        if call.operation == "UpdateDatasetEntries":
            return _training_on(_addresses(base64.b64decode(params["Changes"]["GroundTruth"])))
        if call.operation == "CreateProjectVersion":
            return self._for_training(call)
        return _writing_results(params) if call.operation == "CopyProjectVersion" else []

    def _for_training(self, call: Call) -> list[tuple[str, str]]:
        params, project = call.params, str(call.params.get("ProjectArn"))
        manifests = [
            asset.get("GroundTruthManifest", {}).get("S3Object", {})
            for data in ("TrainingData", "TestingData")
            for asset in params.get(data, {}).get("Assets", ())
        ]
        addresses = [
            f"s3://{manifest.get('Bucket')}/{manifest.get('Name')}" for manifest in manifests
        ]
        return [
            *_training_on(addresses),
            *_training_on(
                image for manifest in manifests for image in self._images(manifest, call.region)
            ),
            *_training_on(self.of(call.region).source_refs(project)),
            *_writing_results(params),
        ]

    def _images(self, manifest: dict[str, Any], region: str) -> list[str]:
        """Where the images of the manifest are."""
        try:
            store = self._store(region)
            return _addresses(
                store.get(manifest["Bucket"], manifest["Name"], manifest.get("Version"))
            )
        except KeyError:
            return []  # the emulator says so in Rekognition's words

    def _store(self, region: str) -> BucketStore:
        return BucketStore(self._clients, self._authorizer, region)


def _writing_results(params: dict[str, Any]) -> list[tuple[str, str]]:
    output = params.get("OutputConfig", {})
    bucket = f"s3://{output.get('S3Bucket')}"
    prefix = str(output.get("S3KeyPrefix", "")).rstrip("/")
    return [
        *_on_bucket(bucket),
        ("s3:PutObject", _arn(f"{bucket}/{prefix}/evaluation")),
        # Whether it reads what it has written, the guide does not say: let nobody count on it.
        *((action, _arn(f"{bucket}/{prefix}/evaluation")) for action in _OBJECT_ACTIONS),
    ]


def _training_on(addresses: Iterable[str]) -> list[tuple[str, str]]:
    """What the guide asks for on images and manifests, and on the buckets in which they are."""
    needed: dict[tuple[str, str], None] = {}
    for address in addresses:
        bucket = "/".join(address.split("/")[:3])
        needed.update(dict.fromkeys(_on_bucket(bucket)))
        needed.update({(action, _arn(address)): None for action in _OBJECT_ACTIONS})
    return list(needed)


def _on_bucket(address: str) -> list[tuple[str, str]]:
    return [(action, _arn(address)) for action in _BUCKET_ACTIONS]


def _arn(address: str) -> str:
    return address.replace("s3://", "arn:aws:s3:::", 1)


def _reading(s3_object: Any) -> list[tuple[str, str]]:
    if not isinstance(s3_object, dict):
        return []
    address = f"arn:aws:s3:::{s3_object.get('Bucket')}/{s3_object.get('Name')}"
    # The guide does not say which of them a version needs; the service's own policy has both.
    actions = ["s3:GetObject"] + (["s3:GetObjectVersion"] if s3_object.get("Version") else [])
    return [(action, address) for action in actions]


def _addresses(manifest: bytes) -> list[str]:
    """Every image that the lines name, once; lines that are no JSON the emulator refuses."""
    images: dict[str, None] = {}
    for line in manifest.splitlines():
        try:
            images[str(json.loads(line)["source-ref"])] = None
        except (ValueError, KeyError, TypeError):
            continue
    return list(images)
