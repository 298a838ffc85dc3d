"""labelloop.aws.objects and what is kept with it: listing, reading, copying, labels, queues."""

import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest

from labelloop.aws import objects, queues, review_labels
from labelloop.errors import MalformedAnswerError, NotFoundError
from tests.unit.account import Account


def test_a_listing_has_every_page(account: Account) -> None:
    account.hook(
        "s3", "provide-client-params.s3.ListObjectsV2", lambda params, **_: {**params, "MaxKeys": 2}
    )
    for number in range(5):
        account.put(f"a/{number}/x.jpg", b"x" * number)
    account.put("b/x.jpg", b"")
    assert [(key, size) for key, _, size in objects.listing("a/")] == [
        (f"a/{number}/x.jpg", number) for number in range(5)
    ]
    assert objects.folders("a/") == [str(number) for number in range(5)]


def test_beginnings_are_read_and_what_is_gone_is_left_out(account: Account) -> None:
    account.put("long.jpg", b"x" * 100)
    account.put("short.jpg", b"yy")
    found = objects.read_beginnings(["long.jpg", "gone.jpg", "short.jpg"], 10)
    assert found == {"long.jpg": b"x" * 10, "short.jpg": b"yy"}
    assert objects.read_beginnings([], 10) == {}


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
    assert review_labels.choices() == ["dog", "cow"]
    monkeypatch.setenv("ALLOW_NEW_LABELS", "true")
    review_labels.check("anything else")
    with pytest.raises(MalformedAnswerError, match="cannot be a label"):
        review_labels.check("a/b")


def test_any_number_of_images_is_sent_round(account: Account) -> None:
    queues.send_for_detection([f'{{"n": {number}}}' for number in range(25)])
    assert sorted(body["n"] for body in account.queued_for_detection()) == list(range(25))
    queues.send_for_detection([])
