"""`labelloop missed`: images that lie in the bucket, and that the inference log has never seen.

S3's events are lost where the rule that takes them was switched off, or its queue was purged.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice

import click

from labelloop import clock
from labelloop.aws import detections_by_id, objects, queues
from labelloop.domain.detections import detection_id
from labelloop.domain.images import NO_VERSION, ImageObject, is_folder_marker
from labelloop.domain.manifests import DETECTION_FOLDER
from labelloop.domain.wording import one_line
from labelloop.settings import Variable

from .stack import Stack, deployment_parameter, on_stack, show

IMAGES_LOOKED_UP_AT_ONCE = detections_by_id.LOOKED_UP_AT_ONCE // 2
"""Of up to two names each."""
MOST_NAMED = 20


@click.command()
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=30,
    show_default=True,
    help="How far back to look.",
)
@click.option("--dry-run", is_flag=True, help="Only say which images there are.")
@on_stack
def missed(stack: Stack, *, days: int, dry_run: bool, as_json: bool) -> None:
    """Find images for detection that were never seen, and send them to be detected.

    The folder's newest versions are compared with the inference log. What is still on its way in
    the queue counts as not seen; being sent twice, an image is recorded once all the same.
    """
    kept_days = int(deployment_parameter(stack, "DetectionRetentionDays") or 0)
    # What is older may have been seen, and its record may have expired.
    days = min(days, kept_days) if kept_days else days
    images = list(_unseen(days))
    if not dry_run:
        queues.send(Variable.DETECTION_QUEUE_URL, [one.event("Image Missed") for one in images])
    keys = [image.key for image in images]
    done = "never seen" if dry_run else "never seen, and sent to be detected"
    text = f"Of the last {days} days: {len(keys)} {done}."
    more = [f"and {len(keys) - MOST_NAMED} more"] if len(keys) > MOST_NAMED else []
    named = [one_line(key) for key in keys[:MOST_NAMED]]
    show(
        as_json,
        {"days": days, "images": keys, "sent": 0 if dry_run else len(keys)},
        "\n  ".join([text, *named, *more]),
    )


def _unseen(days: int) -> Iterator[ImageObject]:
    found = _images(days)
    while images := list(islice(found, IMAGES_LOOKED_UP_AT_ONCE)):
        seen = detections_by_id.known(sorted({name for image in images for name in _names(image)}))
        yield from (image for image in images if not seen & _names(image))


def _images(days: int) -> Iterator[ImageObject]:
    since = clock.now() - timedelta(days=days)
    for latest in objects.latest_versions(DETECTION_FOLDER):
        image = latest.image
        if latest.written >= since and not is_folder_marker(image.key):
            # As its own event tells of it, which has the name that the log knows it by.
            yield replace(image, version_id=None) if image.version_id == NO_VERSION else image


def _names(image: ImageObject) -> set[str]:
    """Under which names the log may have it: an event may tell of no version as of one."""
    if image.version_id:
        return {detection_id(image)}
    named = ImageObject(image.bucket, image.key, NO_VERSION, image.etag, image.size_bytes)
    return {detection_id(image), detection_id(named)}
