"""labelloop.aws.line_files: files that are written while their lines are made."""

from collections.abc import Iterator

import pytest

from labelloop.aws import clients, line_files, objects
from labelloop.errors import InconsistentError
from tests.unit.account import Account

LONG = "x" * 1_000_000


@pytest.mark.parametrize(
    "texts", [[], ["one"], ["eins", "", "fünf"], [LONG] * 20], ids=["none", "one", "few", "parts"]
)
def test_lines_are_read_as_they_were_written(account: Account, texts: list[str]) -> None:
    assert line_files.write_lines("lines.jsonl", iter(texts)) == len(texts)
    assert list(objects.lines("lines.jsonl")) == [text.encode() for text in texts]
    head = clients.client("s3").head_object(Bucket=account.bucket, Key="lines.jsonl")
    assert head["ContentType"] == "application/jsonl"


@pytest.mark.parametrize("before_it_fails", [0, 20])
def test_lines_that_cannot_be_made_leave_what_was_there(
    account: Account, before_it_fails: int
) -> None:
    account.put("lines.jsonl", b"former\n")

    def broken() -> Iterator[str]:
        yield from [LONG] * before_it_fails
        raise InconsistentError("There is no next line.")

    with pytest.raises(InconsistentError):
        line_files.write_lines("lines.jsonl", broken())
    assert account.read("lines.jsonl") == b"former\n"
    uploads = clients.client("s3").list_multipart_uploads(Bucket=account.bucket)
    assert uploads.get("Uploads", []) == []
