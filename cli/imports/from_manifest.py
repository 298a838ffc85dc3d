"""Manifests of Ground Truth and Custom Labels, from a file or from a dataset, with their images.

A manifest goes to where trainings look for it. Its images that a training would not find are copied
into the bucket, within S3 and with the operator's own rights: a training may read no other bucket.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from labelloop.aws import objects
from labelloop.domain.annotations import ModelType
from labelloop.domain.imports import (
    IMPORTED_MANIFESTS,
    MOST_BAD_SHARE,
    Collection,
    Noted,
    imported_key,
)
from labelloop.domain.splits import content_id
from labelloop.domain.wording import one_line
from labelloop.errors import NotFoundError

from .. import costs, terminal
from ..failures import CommandError
from ..parallel import in_parallel
from ..stack import Stack
from . import given_tests
from .given_tests import GivenTests, Splits
from .manifest_images import ManifestImport, Target, bring_images, keys_under
from .manifest_sources import Manifest


def run(
    stack: Stack,
    manifests: Iterable[Manifest],
    model_type: ModelType,
    splits: Splits,
    agree: Callable[[str], None],
    *,
    dry_run: bool,
) -> list[ManifestImport]:
    """Take manifests in, all of them or none. Raises CommandError for one that is no good.

    ``agree`` is told what they are, and raises where somebody does not want them.
    """
    checked = [(manifest, _checked(manifest, model_type)) for manifest in manifests]
    for sentence in costs.of_import(sum(lines.line_count for _, lines in checked)):
        terminal.say(sentence, err=True)
    for manifest, lines in checked:
        tests = " They are to test." if _tests(manifest, splits) else ""
        agree(f"{manifest.file} is a manifest: {len(lines.images)} images in S3.{tests}")
    return [_take(stack, manifest, lines, splits, dry_run) for manifest, lines in checked]


# --- One manifest ---------------------------------------------------------------------------------


def _tests(manifest: Manifest, splits: Splits) -> bool:
    return splits is Splits.TEST or (splits is Splits.OWN and manifest.is_test)


def _checked(manifest: Manifest, model_type: ModelType) -> Collection:
    """What its lines say. Raises CommandError where too many say nothing."""
    collection = Collection(model_type)
    manifest.content.seek(0)
    collection.add(manifest.file, "", manifest.content)
    if collection.no_manifests:
        raise CommandError(
            f"{manifest.file} is no manifest: no line of it has a source-ref, which names an image."
        )
    if not collection.line_count:
        raise CommandError(f"{manifest.file} has no lines: there is nothing to import.")
    if not collection.too_many_bad:
        if not collection.images:
            first = collection.ignored.first[0]
            raise CommandError(
                f"{manifest.file} has nothing to learn for a {model_type} model, which this stack "
                f"trains. Line {first.line}: {first.reason}"
            )
        return collection
    bad, count = collection.bad.first, collection.line_count
    if any(line.reason != bad[0].reason for line in bad):
        for line in bad[: terminal.SHOWN]:
            terminal.say(one_line(f"{line.file}:{line.line}: {line.reason}"), err=True)
    share = f"{collection.bad.count} of the {count} lines"
    if collection.bad.count == count:
        share = f"All {count} lines" if count > 1 else "The only line"
    raise CommandError(
        f"{share} of {manifest.file} cannot be used for a {model_type} model, which this stack "
        f"trains; up to {MOST_BAD_SHARE:.0%} may be bad. Line {bad[0].line}: {bad[0].reason} "
        "Nothing was imported: mend or take out such lines first."
    )


def _take(
    stack: Stack, manifest: Manifest, collection: Collection, splits: Splits, dry_run: bool
) -> ManifestImport:
    key = f"{IMPORTED_MANIFESTS}{manifest.name}-{_digest(manifest)[:8]}{manifest.suffix}"
    s3, bucket = stack.client("s3"), stack.output("BucketName")
    outcome = ManifestImport(
        manifest.file,
        key,
        key in keys_under(s3, bucket, key),
        collection.line_count,
        collection.bad.count,
        _examples(collection.bad),
        ignored_lines=collection.ignored.count,
        ignored_examples=_examples(collection.ignored),
        lines_in_part=collection.in_part.count,
        in_part_examples=_examples(collection.in_part),
    )
    # The bucket of an output may have been deleted, and be somebody else's by now.
    owner = stack.output("ProjectArn").split(":")[4]
    bring_images(s3, Target(bucket, owner), collection, outcome, dry_run)
    if _tests(manifest, splits):
        outcome.tests = _give_tests(bucket, manifest, collection, outcome, dry_run)
    # The images first: a training that begins meanwhile finds no lines without them.
    if not outcome.was_there and not dry_run:
        manifest.content.seek(0)
        s3.put_object(
            Bucket=bucket, Key=key, Body=manifest.content, ContentType="application/jsonl"
        )
    return outcome


def _give_tests(
    bucket: str, manifest: Manifest, collection: Collection, outcome: ManifestImport, dry_run: bool
) -> GivenTests:
    """Let the images test that are in place; of others, nothing can be known yet."""
    missing = {one["image"] for one in outcome.missing}
    places = [
        (source, key) for source, key in collection.images if f"s3://{source}/{key}" not in missing
    ]

    def content(place: tuple[str, str]) -> str | None:
        try:
            with objects.opened(imported_key(bucket, *place)) as found:
                told = found.metadata.get("content")
                return told or content_id(next(found.pieces), found.size_bytes)
        except NotFoundError:
            # It is to be copied yet.
            return None

    with in_parallel(content, places) as read:
        tests = {known: f"s3://{source}/{key}" for (source, key), known in read if known}
    return given_tests.give(manifest.name, tests, dry_run=dry_run)


def _examples(noted: Noted) -> list[dict[str, Any]]:
    return [{"line": line.line, "reason": line.reason} for line in noted.first]


def _digest(manifest: Manifest) -> str:
    manifest.content.seek(0)
    digest = hashlib.sha256()
    while chunk := manifest.content.read(1024 * 1024):
        digest.update(chunk)
    return digest.hexdigest()
