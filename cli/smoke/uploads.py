"""What the steps of `labelloop smoke` put into the bucket."""

from collections.abc import Iterable

from labelloop.domain.images import ImageObject

from ..parallel import in_parallel
from ..stack import Stack


def upload(stack: Stack, key: str, content: bytes) -> ImageObject:
    bucket = stack.output("BucketName")
    answer = stack.client("s3").put_object(
        Bucket=bucket, Key=key, Body=content, ContentType="image/jpeg"
    )
    return ImageObject(bucket, key, answer["VersionId"], answer["ETag"].strip('"'), len(content))


def put(stack: Stack, files: Iterable[tuple[str, bytes]]) -> None:
    """Upload them, some at a time, and the last one behind all others."""
    *first, last = files
    with in_parallel(lambda file: upload(stack, *file), first) as done:
        list(done)
    upload(stack, *last)
