"""Which S3 operation a request is, and what it needs permission for.

S3 has no operation name in its requests: the method, the path and the query decide. Used by
local/doors/calls.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from local.permissions.actions import Params, Requirement


class S3Request(NamedTuple):
    """What identifies an S3 operation."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]


# Sub-resources of a bucket: the operation's noun, and IAM's noun where it is another.
_BUCKET_PARTS = {
    "accelerate": ("BucketAccelerateConfiguration", "AccelerateConfiguration"),
    "acl": ("BucketAcl", "BucketAcl"),
    "cors": ("BucketCors", "BucketCORS"),
    "encryption": ("BucketEncryption", "EncryptionConfiguration"),
    "lifecycle": ("BucketLifecycleConfiguration", "LifecycleConfiguration"),
    "location": ("BucketLocation", "BucketLocation"),
    "logging": ("BucketLogging", "BucketLogging"),
    "notification": ("BucketNotificationConfiguration", "BucketNotification"),
    "ownershipControls": ("BucketOwnershipControls", "BucketOwnershipControls"),
    "policy": ("BucketPolicy", "BucketPolicy"),
    "policyStatus": ("BucketPolicyStatus", "BucketPolicyStatus"),
    "publicAccessBlock": ("PublicAccessBlock", "BucketPublicAccessBlock"),
    "requestPayment": ("BucketRequestPayment", "BucketRequestPayment"),
    "tagging": ("BucketTagging", "BucketTagging"),
    "versioning": ("BucketVersioning", "BucketVersioning"),
    "website": ("BucketWebsite", "BucketWebsite"),
}
_VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Delete"}
_KEY_IN_XML = re.compile(r"<Key>(.*?)</Key>\s*(?:<VersionId>(.*?)</VersionId>)?", re.DOTALL)


def split_path(path: str, host: str) -> tuple[str, str]:
    """Bucket and key of a decoded path; the bucket may stand in the host (`bucket.localhost`)."""
    name = host.split(":", maxsplit=1)[0]
    if name.endswith(".localhost"):
        return name.removesuffix(".localhost").removesuffix(".s3"), path.lstrip("/")
    bucket, _, key = path.lstrip("/").partition("/")
    return bucket, key


def identify(request: S3Request) -> str:
    """The operation's name."""
    if not request.bucket:
        return "ListBuckets"
    return _object_operation(request) if request.key else _bucket_operation(request)


def _bucket_operation(request: S3Request) -> str:
    for part, (noun, _) in _BUCKET_PARTS.items():
        if part in request.query and request.method in _VERBS:
            return _VERBS[request.method] + noun
    if request.method == "GET":
        for part, operation in (
            ("versions", "ListObjectVersions"),
            ("uploads", "ListMultipartUploads"),
            ("list-type", "ListObjectsV2"),
        ):
            if part in request.query:
                return operation
        return "ListObjects"
    if request.method == "POST":
        return "DeleteObjects" if "delete" in request.query else "PostObject"
    plain = {"HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
    return plain.get(request.method, request.method)


def _object_operation(request: S3Request) -> str:
    method, query = request.method, request.query
    for part, noun in (("tagging", "ObjectTagging"), ("acl", "ObjectAcl")):
        if part in query and method in _VERBS:
            return _VERBS[method] + noun
    if "uploadId" in query:
        copying = "x-amz-copy-source" in request.headers
        multipart = {
            "GET": "ListParts",
            "PUT": "UploadPartCopy" if copying else "UploadPart",
            "POST": "CompleteMultipartUpload",
            "DELETE": "AbortMultipartUpload",
        }
        return multipart.get(method, method)
    if method == "PUT":
        return "CopyObject" if "x-amz-copy-source" in request.headers else "PutObject"
    if method == "POST":
        return "CreateMultipartUpload" if "uploads" in query else "SelectObjectContent"
    if method == "GET" and "attributes" in query:
        return "GetObjectAttributes"
    plain = {"GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
    return plain.get(method, method)


_OWNERS = ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner")


def parameters(request: S3Request) -> dict[str, Any]:
    """The parts of the request that permissions and logs are about."""
    params: dict[str, Any] = {"Bucket": request.bucket, "Key": request.key}
    for name, part in (
        ("VersionId", "versionId"),
        ("Prefix", "prefix"),
        ("Delimiter", "delimiter"),
    ):
        if part in request.query:
            params[name] = request.query[part][0]
    source = request.headers.get("x-amz-copy-source")
    if source:
        path, _, query = source.partition("?")
        params["CopySource"] = unquote(path).lstrip("/")
        params["CopySourceVersionId"] = parse_qs(query).get("versionId", [None])[0]
    params["Tagging"] = "x-amz-tagging" in request.headers
    params["TaggingDirective"] = request.headers.get("x-amz-tagging-directive", "COPY")
    params["Acl"] = "x-amz-acl" in request.headers
    params["Owners"] = [request.headers[name] for name in _OWNERS if name in request.headers]
    return params


def deleted_objects(body: bytes) -> list[tuple[str, str | None]]:
    """Key and version of every object that a DeleteObjects request names."""
    from html import unescape  # noqa: PLC0415 - needed for this one operation

    found = _KEY_IN_XML.findall(body.decode("utf-8"))
    return [(unescape(key), version or None) for key, version in found]


def requirements(  # noqa: PLR0911 - a case each
    operation: str, params: Params
) -> list[Requirement] | None:
    """What the caller must be allowed to do; None for an operation that is not described yet."""
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    target = f"{bucket}/{params['Key']}"
    version = "Version" if params.get("VersionId") else ""
    if operation in _ON_BUCKET:
        context = {
            key: params[name]
            for key, name in (("s3:prefix", "Prefix"), ("s3:delimiter", "Delimiter"))
            if name in params
        }
        return [Requirement(_ON_BUCKET[operation], bucket, context)]
    if operation in ("PutObject", "CreateMultipartUpload"):
        return [*_writing(target, params), *_tagging(target, params["Tagging"])]
    if operation == "CopyObject":
        tagged = params["Tagging"] and params["TaggingDirective"] == "REPLACE"
        return [*_writing(target, params), _reading_source(params), *_tagging(target, tagged)]
    if operation == "UploadPartCopy":
        return [Requirement("s3:PutObject", target), _reading_source(params)]
    if operation == "GetObjectAttributes":
        actions = (f"s3:GetObject{version}", f"s3:GetObject{version}Attributes")
        return [Requirement(action, target) for action in actions]
    if operation == "DeleteObjects":
        return [
            Requirement(f"s3:DeleteObject{'Version' if v else ''}", f"{bucket}/{key}")
            for key, v in params["Objects"]
        ]
    if operation in _ON_OBJECT:
        return [Requirement(_ON_OBJECT[operation].format(version=version), target)]
    return _bucket_part(operation, bucket)


def _writing(target: str, params: Params) -> list[Requirement]:
    needed = [Requirement("s3:PutObject", target)]
    return needed + ([Requirement("s3:PutObjectAcl", target)] if params["Acl"] else [])


def _tagging(target: str, tagged: bool) -> list[Requirement]:
    return [Requirement("s3:PutObjectTagging", target)] if tagged else []


def _reading_source(params: Params) -> Requirement:
    action = "s3:GetObjectVersion" if params["CopySourceVersionId"] else "s3:GetObject"
    return Requirement(action, f"arn:aws:s3:::{params['CopySource']}")


def requirements_of_tags(operation: str, params: Params) -> list[Requirement]:
    """What the caller must be allowed to do besides, when the object to be copied has tags.

    Unless the request says REPLACE, the copy takes over the tags:
    https://repost.aws/knowledge-center/s3-troubleshoot-copy-between-buckets
    """
    if operation != "CopyObject" or params["TaggingDirective"] == "REPLACE":
        return []
    version = "Version" if params["CopySourceVersionId"] else ""
    return [
        Requirement(f"s3:GetObject{version}Tagging", f"arn:aws:s3:::{params['CopySource']}"),
        Requirement("s3:PutObjectTagging", f"arn:aws:s3:::{params['Bucket']}/{params['Key']}"),
    ]


_ON_BUCKET = {
    "HeadBucket": "s3:ListBucket",
    "ListObjects": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "CreateBucket": "s3:CreateBucket",
    "DeleteBucket": "s3:DeleteBucket",
}
_ON_OBJECT = {
    "GetObject": "s3:GetObject{version}",
    "HeadObject": "s3:GetObject{version}",
    "DeleteObject": "s3:DeleteObject{version}",
    "GetObjectTagging": "s3:GetObject{version}Tagging",
    "PutObjectTagging": "s3:PutObject{version}Tagging",
    "DeleteObjectTagging": "s3:DeleteObject{version}Tagging",
    "GetObjectAcl": "s3:GetObject{version}Acl",
    "PutObjectAcl": "s3:PutObject{version}Acl",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "ListParts": "s3:ListMultipartUploadParts",
}


def _bucket_part(operation: str, bucket: str) -> list[Requirement] | None:
    for noun, iam_noun in _BUCKET_PARTS.values():
        verb = operation.removesuffix(noun)
        if operation.endswith(noun) and verb in _VERBS.values():
            # Deleting a configuration is the same permission as putting another.
            action_verb = "Put" if verb == "Delete" and noun != "BucketPolicy" else verb
            return [Requirement(f"s3:{action_verb}{iam_noun}", bucket)]
    if operation == "ListBuckets":
        return [Requirement("s3:ListAllMyBuckets", "*")]
    return None
