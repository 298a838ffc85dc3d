"""What is changed of moto's S3."""

from __future__ import annotations

import re
import threading
import time
import uuid
from typing import Any
from urllib.parse import quote

from moto.core.responses import ActionResult
from moto.s3 import models as s3_models
from moto.s3 import notifications
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response

from local.constants import ACCOUNT_ID
from local.moto_patches.around import Around, Patches

_REASONS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
}


def emit_object_events(around: Around) -> None:
    """moto's S3 events have ``eTag`` for ``etag``, one constant id and sequencer, ``reason:
    ObjectCreated``, the real time, two events for a multipart upload and none for most deletions in
    a versioned bucket.
    """
    sequence = _Sequence()
    assembling = threading.local()

    def send(bucket: Any, detail_type: str, facts: dict[str, Any], extra: dict[str, Any]) -> None:
        detail = {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": {**facts, "sequencer": sequence.next()},
            "request-id": uuid.uuid4().hex[:16].upper(),
            "requester": ACCOUNT_ID,
            "source-ip-address": "127.0.0.1",
            **extra,
        }
        around.bus.emit(around.bus.event("aws.s3", detail_type, detail, [bucket.arn]))

    def version(facts: dict[str, Any], version_id: str | None) -> dict[str, Any]:
        return facts if version_id in (None, "null") else {**facts, "version-id": version_id}

    def _send_event_bridge_message(
        _account_id: str, bucket: Any, event_name: Any, key: Any
    ) -> None:
        reason = _REASONS.get(getattr(event_name, "value", event_name))
        if reason is None or (reason == "PutObject" and getattr(assembling, "now", False)):
            return
        facts = {"key": key.name, "size": key.size, "etag": key.etag.strip('"')}
        send(bucket, "Object Created", version(facts, key.version_id), {"reason": reason})

    complete = S3Backend.complete_multipart_upload

    def complete_multipart_upload(self: Any, *args: Any, **kwargs: Any) -> Any:
        assembling.now = True
        try:
            return complete(self, *args, **kwargs)
        finally:
            assembling.now = False

    delete = S3Backend.delete_object

    def delete_object(
        self: Any,
        bucket_name: str,
        key_name: str,
        version_id: str | None = None,
        bypass: bool = False,
    ) -> Any:
        bucket = self.get_bucket(bucket_name)
        deleted, answer = delete(self, bucket_name, key_name, version_id, bypass)
        configuration = bucket.notification_configuration
        if deleted and configuration is not None and configuration.event_bridge is not None:
            marker = bucket.is_versioned and version_id is None
            send(
                bucket,
                "Object Deleted",
                version({"key": key_name}, answer.get("version-id")),
                {
                    "reason": "DeleteObject",
                    "deletion-type": "Delete Marker Created" if marker else "Permanently Deleted",
                },
            )
        return deleted, answer

    notifications._send_event_bridge_message = _send_event_bridge_message
    S3Backend.complete_multipart_upload = complete_multipart_upload
    S3Backend.delete_object = delete_object


def date_objects_by_the_virtual_clock(around: Around) -> None:
    """moto dates objects by the machine's clock; the functions compare that with the stack's."""
    s3_models.utcnow = lambda: around.clock.datetime().replace(tzinfo=None)


def route_any_key(_: Around) -> None:
    """moto finds no route for a key with a line break, which S3 takes."""
    paths = S3Backend.url_paths.fget

    def url_paths(self: Any) -> dict[str, Any]:
        return {path.replace(".+)", r"[\s\S]+)"): page for path, page in paths(self).items()}

    S3Backend.url_paths = property(url_paths)


def list_versions_of_any_key(_: Around) -> None:
    """moto does not encode the keys of a list of versions where it is asked to, and fails where XML
    cannot have their characters.
    """
    serialized = S3Response.serialized

    def serialized_as_asked(self: Any, answer: ActionResult) -> Any:
        asked = self.querystring.get("encoding-type", [None])[0]
        result = answer.result
        if self.data.get("Action") == "ListObjectVersions" and isinstance(result, dict) and asked:
            result["EncodingType"] = asked
            for listed in ("Versions", "DeleteMarkers", "CommonPrefixes"):
                for entry in result.get(listed, []):
                    _encode(entry, "Key", "Prefix")
            _encode(result, "Prefix", "Delimiter", "KeyMarker", "NextKeyMarker")
        return serialized(self, answer)

    S3Response.serialized = serialized_as_asked


def _encode(entry: dict[str, Any], *names: str) -> None:
    entry.update({name: quote(entry[name]) for name in names if entry.get(name)})


def let_links_choose_how_they_are_answered(_: Around) -> None:
    """moto takes ``response-content-type`` in a link for a header that was signed, where the newest
    version of the object is deleted.
    """
    has_other_headers = S3Response._invalid_headers

    def _invalid_headers(self: Any, url: str, headers: dict[str, str]) -> Any:
        signed = re.sub(r"(?<=[?&])response-[a-z-]+=[^&]*", "", url)
        return has_other_headers(self, signed, headers)

    S3Response._invalid_headers = _invalid_headers


class _Sequence:
    """Sequencers that grow: hexadecimal, of one length, comparable as text."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> str:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns())
            return f"{self._last:018X}"


PATCHES: Patches = (
    emit_object_events,
    date_objects_by_the_virtual_clock,
    route_any_key,
    list_versions_of_any_key,
    let_links_choose_how_they_are_answered,
)
