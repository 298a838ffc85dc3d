"""labelloop.aws.objects and what is kept with it: listing, reading, copying, labels, queues."""

import urllib.request
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from labelloop.aws import clients, deployed_version, objects, queues
from labelloop.domain import labels
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import MalformedAnswerError, NotFoundError
from labelloop.services import review_labels
from labelloop.settings import Variable
from tests.unit.account import ACCOUNT_ID, Account


def test_a_listing_has_every_page(account: Account) -> None:
    account.hook(
        "s3", "provide-client-params.s3.ListObjectsV2", lambda params, **_: {**params, "MaxKeys": 2}
    )
    for number in range(5):
        account.put(f"a/{number}/x.jpg", b"x" * number)
    account.put("b/x.jpg", b"")
    listed = list(objects.listing("a/"))
    assert [(entry.key, entry.size_bytes) for entry in listed] == [
        (f"a/{number}/x.jpg", number) for number in range(5)
    ]
    assert listed == objects.listing_by_folder("a/")
    assert objects.folders("a/") == [str(number) for number in range(5)]


@pytest.mark.parametrize("size", [3_000_000, 100_000, objects.FIRST_PIECE_BYTES, 2, 0])
def test_an_object_comes_in_pieces_after_what_it_is(account: Account, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    account.put("a.jpg", content)
    (listed,) = objects.listing("a.jpg")
    with objects.opened("a.jpg") as found:
        first = next(found.pieces)
        assert len(first) == min(size, objects.FIRST_PIECE_BYTES)
        assert first + b"".join(found.pieces) == content
        assert (found.etag, found.size_bytes) == (listed.etag, size)
    with pytest.raises(NotFoundError), objects.opened("gone.jpg"):
        pass


def test_a_version_of_an_object_comes_in_pieces(account: Account) -> None:
    version_id = account.put("a.jpg", b"before")
    account.put("a.jpg", b"after")
    with objects.opened("a.jpg", version_id) as found:
        assert list(found.pieces) == [b"before"]


def test_whether_there_is_an_object_is_said(account: Account) -> None:
    assert not objects.is_there("a.json")
    account.put("a.json", b"{}")
    assert objects.is_there("a.json")


def test_an_object_is_read_line_by_line(account: Account) -> None:
    account.put("a.jsonl", "eins\nzwei drei\n\nfünf".encode())
    assert list(objects.lines("a.jsonl")) == [b"eins", b"zwei drei", b"", "fünf".encode()]
    account.put("empty.jsonl", b"")
    assert list(objects.lines("empty.jsonl")) == []
    account.put("long.jsonl", b"a\r\n" + b"x" * (3 * 1024 * 1024) + b"\n\nb\r" + b"y" * 1_200_000)
    found = list(objects.lines("long.jsonl"))
    assert [line[:1] for line in found] == [b"a", b"x", b"", b"b", b"y"]
    assert all(len(line) <= 2 * objects.MOST_LINE_BYTES for line in found)
    assert len(found[1]) > objects.MOST_LINE_BYTES
    with pytest.raises(NotFoundError):
        next(objects.lines("gone.jsonl"))


def test_an_object_of_another_bucket_is_copied_in_without_its_tags(account: Account) -> None:
    s3 = clients.client("s3")
    s3.create_bucket(
        Bucket="archive", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    s3.put_object(Bucket="archive", Key="a.jpg", Body=b"theirs", Tagging="owner=them")
    account.put("a.jpg", b"ours")
    objects.copy("a.jpg", None, "copied.jpg", "archive")
    assert account.read("copied.jpg") == b"theirs"
    tagging = s3.get_object_tagging(Bucket=account.bucket, Key="copied.jpg")
    assert tagging["TagSet"] == []


def test_a_copy_is_from_and_to_buckets_of_this_account_alone(account: Account) -> None:
    told: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        told.append(dict(params))

    account.hook("s3", "provide-client-params.s3.CopyObject", note)
    account.put("a.jpg", b"x")
    objects.copy("a.jpg", None, "copied.jpg")
    owners = {"ExpectedBucketOwner", "ExpectedSourceBucketOwner"}
    assert {name: told[0].get(name) for name in owners} == dict.fromkeys(owners, ACCOUNT_ID)


def test_metadata_takes_the_place_of_the_sources_and_the_name_tells_the_type(
    account: Account,
) -> None:
    s3 = clients.client("s3")
    for key, media_type in (("a.PNG", "image/png"), ("b.jpg", "image/jpeg")):
        s3.put_object(Bucket=account.bucket, Key=key, Body=b"x", Metadata={"theirs": "1"})
        objects.copy(key, None, "copied", metadata={"ours": "2"})
        assert s3.head_object(Bucket=account.bucket, Key="copied")["ContentType"] == media_type
        assert account.metadata("copied") == {"ours": "2"}
        objects.copy(key, None, "kept")
        assert account.metadata("kept") == {"theirs": "1"}


def test_what_is_not_there_is_not_found(account: Account) -> None:
    with pytest.raises(NotFoundError):
        objects.read("gone.jpg")
    with pytest.raises(NotFoundError):
        objects.read_at("no-such-bucket-anywhere", "x")
    with pytest.raises(NotFoundError):
        objects.copy("gone.jpg", None, "copy.jpg")


@pytest.mark.parametrize(
    "key", ["plain.jpg", "with space & ünïcode 傷+%41.jpg", "a//b/./c?d#e.jpg"]
)
def test_one_version_is_copied_or_linked_whatever_its_key_is(account: Account, key: str) -> None:
    version_id = account.put(key, b"old")
    account.put(key, b"new")
    objects.copy(key, version_id, "copied.jpg")
    assert account.read("copied.jpg") == b"old"
    link = objects.link(key, version_id, 60)
    assert parse_qs(urlsplit(link).query)["versionId"] == [version_id]
    assert urllib.request.url2pathname(urlsplit(link).path).endswith(key)


def test_links_name_the_bucket_in_its_region(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host of all Regions does not know a new bucket for some hours."""
    region = clients.client("s3").meta.region_name
    assert region != "us-east-1"
    host = urlsplit(objects.link("a.jpg", None, 60)).hostname
    assert host == f"{account.bucket}.s3.{region}.amazonaws.com"


def test_json_is_written_for_people_too(account: Account) -> None:
    objects.write_json("report.json", {"label": "傷", "f1": 0.5})
    assert account.read("report.json").decode() == '{\n  "label": "傷",\n  "f1": 0.5\n}'


def test_labels_are_the_deployments_or_else_the_folders(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.put("images_labeled_by_folder/cat/1.jpg", b"x")
    assert review_labels.choices() == ["cat"]
    review_labels.check("cat")
    with pytest.raises(MalformedAnswerError, match="none of the labels"):
        review_labels.check("dog")
    monkeypatch.setenv("REVIEW_LABELS", "dog, cow")
    assert review_labels.choices(at_once=True) == ["dog", "cow"]
    monkeypatch.setenv("ALLOW_NEW_LABELS", "true")
    review_labels.check("anything else")
    with pytest.raises(MalformedAnswerError, match="cannot be a label"):
        review_labels.check("a/b")


def test_09_junk_folders_become_labels_and_choices(account: Account) -> None:
    for folder in (
        ".ipynb_checkpoints",
        "__MACOSX",
        "bird ",
        "",
        "(1)",
        "Ka\u0308fer",
        "K\u00e4fer",
    ):
        account.put(f"images_labeled_by_folder/{folder}/1.jpg", b"x")
    assert review_labels.choices() == ["(1)", "K\u00e4fer", "bird"]
    review_labels.check(*review_labels.choices())


def test_nobody_chooses_a_part_of_a_data_set(account: Account) -> None:
    for folder in ("cat", "images", "train", "test"):
        account.put(f"images_labeled_by_folder/{folder}/1.jpg", b"x")
    assert review_labels.choices() == ["cat"]


def test_nobody_chooses_the_label_of_what_is_none_of_them(account: Account) -> None:
    deployed_version.switch("v1", "arn", None)
    report = {"labels": [{"label": "cat"}, {"label": labels.NONE_OF_THEM}]}
    objects.write_json(VersionFiles("v1").report, report)
    account.put("images_labeled_by_folder/None of the Above/1.jpg", b"x")
    assert review_labels.choices() == ["cat"]
    for name in (labels.NONE_OF_THEM, "None of the Above"):
        with pytest.raises(MalformedAnswerError, match="cannot be a label"):
            review_labels.check(name)


def test_nor_where_the_deployment_names_it(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEW_LABELS", "dog, None of the Above")
    assert review_labels.choices() == ["dog"]


def test_labels_are_looked_up_now_and_then_and_when_one_is_unknown(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    folders = objects.folders

    def counted(prefix: str) -> list[str]:
        looks.append(prefix)
        return folders(prefix)

    monkeypatch.setattr(objects, "folders", counted)
    account.put("images_labeled_by_folder/cat/1.jpg", b"x")
    for _ in range(3):
        review_labels.check("cat")
        review_labels.check()
    assert len(looks) == 1
    account.put("images_labeled_by_folder/dog/1.jpg", b"x")
    assert review_labels.choices() == ["cat"]
    review_labels.check("cat", "dog")
    assert len(looks) == 2
    account.clock.advance(15 * 60)
    review_labels.check("dog")
    assert len(looks) == 3


def test_any_number_of_images_is_sent_round(account: Account) -> None:
    queues.send(Variable.DETECTION_QUEUE_URL, [f'{{"n": {number}}}' for number in range(25)])
    assert sorted(body["n"] for body in account.queued_for_detection()) == list(range(25))
    queues.send(Variable.DETECTION_QUEUE_URL, [])


def test_an_object_of_no_version_is_linked_by_the_name_that_needs_no_other_permission(
    account: Account,
) -> None:
    """As where somebody suspended the bucket's versioning: the role may read versions alone."""
    link = objects.link("images_for_detection/a.jpg", None, 60)
    assert parse_qs(urlsplit(link).query)["versionId"] == ["null"]
