"""What `labelloop doctor` looks at about the bucket and what it holds."""

from collections.abc import Iterator

from labelloop.domain.images import is_by_the_way
from labelloop.domain.manifests import LABELLED_FOLDER

from ..stack import Stack, deployment_parameter
from .checks import Found, note, ok, problem, warning

FEWEST_IMAGES = 3
"""Of a label: one tests, others train."""


def bucket(stack: Stack) -> Iterator[Found]:
    """Whether the bucket is there, keeps versions and tells of new objects."""
    name = stack.output("BucketName")
    s3 = stack.client("s3")
    s3.head_bucket(Bucket=name)
    good = True
    if s3.get_bucket_versioning(Bucket=name).get("Status") != "Enabled":
        good = False
        yield problem(
            f"{name} keeps no versions: what is overwritten is lost.",
            f"aws s3api put-bucket-versioning --bucket {name} "
            "--versioning-configuration Status=Enabled",
        )
    told = s3.get_bucket_notification_configuration(Bucket=name)
    # moto keeps the configuration, but leaves EventBridge out when asked for it.
    if "EventBridgeConfiguration" not in told and not stack.on_this_machine:
        good = False
        yield problem(
            f"{name} does not tell EventBridge: no image is detected.",
            f"aws s3api put-bucket-notification-configuration --bucket {name} "
            "--notification-configuration '{\"EventBridgeConfiguration\": {}}', and then: "
            "labelloop missed",
        )
    if good:
        yield ok(f"{name} is reachable, keeps versions and tells of new images.")


def labels(stack: Stack) -> Iterator[Found]:
    """Whether the label folders hold enough to train on."""
    if deployment_parameter(stack, "ModelType") == "detection":
        yield note("Not looked at: a detection model does not learn from folders.")
        return
    pages = (
        stack.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=stack.output("BucketName"), Prefix=LABELLED_FOLDER, Delimiter="/")
    )
    folders = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
    few = {
        folder.removeprefix(LABELLED_FOLDER).rstrip("/"): count
        for folder in folders
        if (count := _different_images(stack, folder)) < FEWEST_IMAGES
    }
    if few:
        named = ", ".join(f"{label} ({count})" for label, count in few.items())
        yield warning(
            f"Labels with fewer than {FEWEST_IMAGES} different images are not trained: {named}.",
            f"Upload more to {LABELLED_FOLDER}<label>/, unless imported manifests bring more of "
            "them; ten or more are advised.",
        )
    elif folders:
        yield ok(f"{len(folders)} folders hold {FEWEST_IMAGES} different images or more.")
    else:
        yield note(f"No labelled images are in {LABELLED_FOLDER} yet.")


def _different_images(stack: Stack, folder: str) -> int:
    """How many, up to as many as are needed: by their ETags, without reading them."""
    pages = (
        stack.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=stack.output("BucketName"), Prefix=folder, PaginationConfig=_SMALL_PAGES)
    )
    different: set[str] = set()
    for page in pages:
        for entry in page.get("Contents", []):
            if entry["Size"] and not is_by_the_way(entry["Key"].removeprefix(LABELLED_FOLDER)):
                different.add(entry["ETag"])
            if len(different) >= FEWEST_IMAGES:
                return len(different)
    return len(different)


_SMALL_PAGES = {"PageSize": 50}
