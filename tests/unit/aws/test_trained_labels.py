"""labelloop.aws.trained_labels: people can choose labels whatever became of a report."""

from dataclasses import asdict

import pytest

from labelloop.aws import evaluation_reports, trained_labels
from labelloop.domain.evaluation_summary import LabelResult
from labelloop.domain.version_files import VersionFiles
from tests.unit.account import Account


def test_they_are_read_from_what_the_class_of_reports_writes(account: Account) -> None:
    results = [LabelResult(name, 4, 1.0, 1.0, 1.0, 0.5) for name in ("cog", "nut")]
    figures = dict.fromkeys(("f1", "precision", "recall"), 0.5)
    images = dict.fromkeys(("train_images", "test_images"), 8)
    told = {"version": "v1", "promote": True, "reasons": [], **figures, **images}
    evaluation_reports.write({**told, "labels": [asdict(one) for one in results]})
    assert trained_labels.of("v1") == {"cog", "nut"}


@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b"{}", b'{"labels": 1}', b'{"labels": [{}]}']
)
def test_a_report_that_is_gone_or_broken_names_none(
    account: Account, content: bytes | None
) -> None:
    if content is not None:
        account.put(VersionFiles("v1").report, content)
    assert trained_labels.of("v1") == set()
