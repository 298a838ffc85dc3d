"""`labelloop forget` against moto: what it says, what it asks, and that it only tells with
`--dry-run`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.world import BUCKET, OPERATOR, World, aws_in_memory, client, error_of

KEY = "images_to_label/a/1.jpg"
PICTURE = b"\xff\xd8\xff picture"


class Bucket(World):
    """A stack with an image, and what names it."""

    def __init__(self) -> None:
        pool = client("cognito-idp").create_user_pool(PoolName="people")["UserPool"]["Id"]
        super().__init__({"BucketName": BUCKET, "UserPoolId": pool})
        self.s3 = client("s3")
        self.s3.create_bucket(Bucket=BUCKET)
        status: Any = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=status)
        self.upload(KEY)

    def upload(self, key: str, body: bytes = PICTURE) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def all_keys(self) -> set[str]:
        """Of all versions and delete markers."""
        found = self.s3.list_object_versions(Bucket=BUCKET)
        kinds = ("Versions", "DeleteMarkers")
        return {entry["Key"] for kind in kinds for entry in found.get(kind, [])}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with aws_in_memory(monkeypatch):
        yield Bucket()


def test_a_dry_run_names_what_would_go_and_erases_nothing(bucket: Bucket) -> None:
    bucket.upload("images_for_detection/twin.jpg")

    result = bucket.run("forget", KEY, "--dry-run", "--json")

    told = json.loads(result.stdout)
    (what,) = told["what"]
    assert what["images"] == ["images_for_detection/twin.jpg", KEY]
    assert told["done"] is False and told["forgotten"][0]["images"] == 2
    assert bucket.all_keys() == {"images_for_detection/twin.jpg", KEY}
    assert "images_for_detection/twin.jpg" in result.stderr


def test_it_asks_and_a_no_erases_nothing(bucket: Bucket) -> None:
    refused = bucket.run("forget", KEY, answer="n\n")

    assert "Nothing was changed" in error_of(refused)
    assert bucket.all_keys() == {KEY}
    agreed = bucket.run("forget", KEY, answer="y\n")
    assert agreed.exit_code == 0 and bucket.all_keys() == set()


def test_it_says_what_stays_and_who_has_asked_for_it_is_noted(bucket: Bucket) -> None:
    result = bucket.run("forget", KEY, "--yes")

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("It is forgotten.")
    assert "ledger of splits" in result.stdout and "35" not in result.stdout
    assert "analytics/answers/" in result.stdout
    (noted,) = json.loads(bucket.run("forget", "--list", "--json").stdout)
    assert noted["by"] == OPERATOR and noted["counts"]["images"] == 1
    assert KEY not in json.dumps(noted)
    assert "1 image  by" in bucket.run("forget", "--list").stdout


def test_what_nothing_names_is_said_and_noted_nowhere(bucket: Bucket) -> None:
    result = bucket.run("forget", "images_to_label/nowhere.jpg", "--yes")

    assert result.stdout == "Nothing names it.\n" and result.exit_code == 0
    assert json.loads(bucket.run("forget", "--list", "--json").stdout) == []


def test_images_are_named_in_a_file_with_breaks_as_json_has_them(
    bucket: Bucket, tmp_path: Path
) -> None:
    odd = "images_to_label/two\nlines ä.jpg"
    bucket.upload(odd, b"another")
    bucket.upload("images_to_label/kept.jpg", b"a third")
    names = tmp_path / "names"
    names.write_text(f"{KEY}\r\n\n{json.dumps(odd)}\n", encoding="utf-8")

    bucket.run("forget", "--from", str(names), "--yes")

    assert bucket.all_keys() == {"images_to_label/kept.jpg"}


def test_a_picture_of_ones_own_tells_which_image_is_meant(bucket: Bucket, tmp_path: Path) -> None:
    mine = tmp_path / "mine.jpg"
    mine.write_bytes(PICTURE)
    bucket.upload("images_to_label/other.jpg", b"another")

    bucket.run("forget", "--like", str(mine), "--yes")

    assert bucket.all_keys() == {"images_to_label/other.jpg"}


@pytest.mark.parametrize(
    ("delete", "gone"),
    [
        ((), []),
        (("--delete-versions",), ["v1"]),
        (("--delete-versions", "--delete-serving"), ["v1", "v2"]),
    ],
)
def test_versions_that_learnt_from_it_are_named_and_the_one_that_serves_stays_unless_said(
    bucket: Bucket, delete: tuple[str, ...], gone: list[str]
) -> None:
    for name in ("v1", "v2"):
        bucket.deploy(name, "STOPPED")
        line = json.dumps({"source-ref": f"s3://{BUCKET}/{KEY}"})
        bucket.upload(f"manifests/training/{name}/train.manifest", line.encode())

    told = json.loads(bucket.run("forget", KEY, "--dry-run", "--json", *delete).stdout)

    assert told["forgotten"][0]["versions"] == ["v1", "v2"]
    assert told["what"][0]["delete"] == gone


def test_nothing_is_erased_while_a_training_goes_on(bucket: Bucket) -> None:
    bucket.put("versions", kind="state", name="training", owner="arn:execution")

    assert "Come again when it has ended" in error_of(bucket.run("forget", KEY, "--yes"))
    assert bucket.all_keys() == {KEY}


def test_a_person_and_images_at_once_and_neither_are_refused(bucket: Bucket) -> None:
    for words in ((KEY, "--person", "ann@example.com"), ()):
        assert bucket.run("forget", *words).exit_code == 2


def test_a_person_whom_nothing_names_is_no_mistake(bucket: Bucket) -> None:
    assert bucket.run("forget", "--person", "ann@example.com").stdout == "Nothing names it.\n"


def test_what_broke_off_is_ended_whatever_is_asked_next(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(**_: Any) -> None:
        raise KeyboardInterrupt

    events = client("s3").meta.events
    events.register("before-call.s3.DeleteObjects", breaks)
    try:
        bucket.run("forget", KEY, "--yes")
    finally:
        events.unregister("before-call.s3.DeleteObjects", breaks)
    assert any(key.startswith("forgetting/") for key in bucket.all_keys())

    shown = bucket.run("forget", "--dry-run")
    ended = bucket.run("forget", "images_to_label/other.jpg", "--yes")

    assert "not ended" in shown.stderr and KEY in shown.stderr
    assert ended.exit_code == 0 and bucket.all_keys() == set()
