"""A version's answers survive their way through a file."""

import pytest

from labelloop.domain import answers
from labelloop.domain.annotations import Box
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.image_labels import Label, LabelBox
from labelloop.errors import InconsistentError


def test_what_was_written_is_read() -> None:
    written = [
        Answer("a-1", (Finding("gear", 0.75), Finding("bolt", 0.25)), complete=True),
        Answer("b-2", (Finding("gear", 0.5, Box("gear", 1, 2, 30, 40)),), complete=False),
        Answer("c-3", (), complete=True),
    ]
    read = answers.read(line.encode() for line in answers.lines(written))
    assert list(read) == written


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"content": "a", "findings": [[]]}', b"3"])
def test_a_line_that_is_no_answer_is_named(line: bytes) -> None:
    with pytest.raises(InconsistentError, match="Line 1 of a version's answers"):
        list(answers.read([line]))


def test_a_models_labels_become_findings_in_pixels_the_surest_first() -> None:
    labels = [Label("bolt", 40.0, LabelBox(0.1, 0.2, 0.5, 0.25)), Label("gear", 90.0)]
    answer = answers.of_labels("a-1", labels, (200, 100), complete=True)
    assert answer.findings == (
        Finding("gear", 0.9),
        Finding("bolt", 0.4, Box("bolt", 20, 20, 100, 25)),
    )
