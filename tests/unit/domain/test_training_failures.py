"""labelloop.domain.training_failures: the service's findings, as an operator can read them."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import training_failures
from labelloop.domain.splits import Split
from labelloop.domain.training_failures import WORDS, Explanation

Json = dict[str, Any]
REASON = "Rekognition gave the version the status TRAINING_FAILED: The manifest file has errors."


def _statistics(invalid: int = 0, errors: Sequence[Json] = ()) -> Json:
    """A dataset's part of the manifest summary, as the developer guide shows it."""
    return {
        "use_case": "NOT_DETERMINED",
        "total_json_lines": 40,
        "valid_json_lines": 40 - invalid,
        "invalid_json_lines": invalid,
        "ignored_json_lines": 0,
        "error_json_line_indices": list(range(invalid)),
        "errors": list(errors),
    }


def _summary(
    errors: Sequence[Any] = (), training: Json | None = None, testing: Json | None = None
) -> bytes:
    statistics = {"training": training or _statistics(), "testing": testing or _statistics()}
    return json.dumps({"statistics": statistics, "errors": list(errors)}).encode()


def _problem(code: str, message: str = "What the service says.") -> Json:
    return {"code": code, "message": message}


def _line(key: str, **others: Any) -> bytes:
    content = {"source-ref": f"s3://bucket/{key}", "label": 1, "label-metadata": {}, **others}
    return json.dumps(content).encode()


def _explain(
    summary: bytes | None = None,
    train: Sequence[bytes] = (),
    test: Sequence[bytes] = (),
    reason: str = REASON,
) -> Explanation:
    return training_failures.explain(reason, summary, {Split.TRAIN: train, Split.TEST: test})


def test_a_failure_without_files_has_the_services_own_words() -> None:
    explained = _explain(reason="The manifest file is empty")
    assert explained.sentences == ("The manifest file is empty.",)
    assert explained.text == "The manifest file is empty."


def test_a_code_in_the_services_message_is_explained() -> None:
    explained = _explain(reason="Refused: ERROR_MANIFEST_SIZE_TOO_LARGE: The file is too large.")
    assert explained.sentences[1:] == ("The manifest is over 1 GB; take images out.",)


def test_what_is_wrong_with_everything_is_said_once_and_first() -> None:
    code = "ERROR_MANIFEST_TOO_FEW_LABELS"
    summary = _summary([_problem(code)], training=_statistics(9, [_problem(code)]))
    explained = _explain(summary, reason=f"{REASON} {code}: The training manifest has too few.")
    assert [sentence.split(";")[0] for sentence in explained.sentences[1:]] == [
        "There are too few labels: two are the least, or one for object detection",
        "9 of 40 training images have errors.",
    ]


def test_images_with_the_same_error_are_counted_and_five_are_named() -> None:
    bad = _problem("ERROR_INVALID_IMAGE_DIMENSION")
    train = [_line(f"a/{number}.jpg", errors=[bad]) for number in range(12)]
    explained = _explain(train=[_line("a/good.jpg"), *train], test=[_line("b.jpg", errors=[bad])])
    assert explained.sentences[1:] == (
        "12 training images: the image is under 64 or over 4096 pixels a side, or over 20 times "
        "longer than wide; scale or crop it: a/0.jpg, a/1.jpg, a/2.jpg, a/3.jpg, a/4.jpg and 7 "
        "more.",
        "One test image: the image is under 64 or over 4096 pixels a side, or over 20 times "
        "longer than wide; scale or crop it: b.jpg.",
    )


@pytest.mark.parametrize(
    "members",
    [
        {"errors": [_problem("ERROR_INVALID_BOUNDING_BOX")]},
        {"box": {"errors": [_problem("ERROR_INVALID_BOUNDING_BOX")], "annotations": []}},
        {"box": {"annotations": [{"errors": [_problem("ERROR_INVALID_BOUNDING_BOX")]}]}},
        {"box-metadata": {"errors": [_problem("ERROR_INVALID_BOUNDING_BOX")]}},
        {"box-metadata": {"objects": [{"errors": [_problem("ERROR_INVALID_BOUNDING_BOX")]}] * 3}},
        {
            "errors": [_problem("ERROR_INVALID_BOUNDING_BOX")],
            "box-metadata": {"errors": [_problem("ERROR_INVALID_BOUNDING_BOX")]},
        },
    ],
)
def test_an_error_is_found_at_every_level_of_a_line_and_counts_once(members: Json) -> None:
    explained = _explain(train=[_line("a.jpg", **members)])
    assert explained.sentences[1:] == (
        "One training image: a box is not inside the image; mend the box: a.jpg.",
    )


def test_errors_come_before_warnings_and_the_frequent_before_the_rare() -> None:
    train = [
        _line("1.jpg", warnings=[_problem("WARNING_UNANNOTATED_RECORD")]),
        _line("2.jpg", warnings=[_problem("WARNING_UNANNOTATED_RECORD")]),
        _line("3.jpg", warnings=[_problem("WARNING_UNANNOTATED_RECORD")]),
        _line("4.jpg", errors=[_problem("ERROR_INVALID_IMAGE")]),
        _line("5.jpg", errors=[_problem("ERROR_TOO_MANY_BOUNDING_BOXES")]),
        _line("6.jpg", errors=[_problem("ERROR_TOO_MANY_BOUNDING_BOXES")]),
    ]
    named = [re.findall(r"\d\.jpg", sentence) for sentence in _explain(train=train).sentences[1:]]
    assert named == [["5.jpg", "6.jpg"], ["4.jpg"], ["1.jpg", "2.jpg", "3.jpg"]]


def test_a_code_that_is_not_documented_has_the_services_own_words() -> None:
    new = _problem("ERROR_OF_NEXT_YEAR", "The image is haunted.")
    explained = _explain(_summary([new]), [_line("a.jpg", errors=[new])])
    assert explained.sentences[1:] == (
        "The image is haunted.",
        "One training image: The image is haunted: a.jpg.",
    )
    silent = _explain(_summary([{"code": "ERROR_OF_NEXT_YEAR"}, {}, "haunted"]))
    assert silent.sentences[1:] == (
        "ERROR_OF_NEXT_YEAR.",
        "The service does not say what is wrong.",
        "Haunted.",
    )


def test_a_line_that_names_no_image_goes_by_its_number() -> None:
    missing = _problem("ERROR_MISSING_SOURCE_REF")
    train = [_line("a.jpg"), json.dumps({"errors": [missing]}).encode(), b"{broken", b""]
    assert _explain(train=train).sentences[1:] == (
        "One training image: the line names no image; add a source-ref: line 2.",
        "One training image: the line is not JSON; mend the line: line 3.",
    )


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"statistics": 1}', b'{"errors": 1}']
)
def test_a_summary_that_cannot_be_read_hides_nothing_else(body: bytes) -> None:
    train = [_line("a.jpg", errors=[_problem("ERROR_INVALID_IMAGE")])]
    assert _explain(body, train).sentences[1:] == (
        "The service's manifest summary cannot be read.",
        "One training image: the image is missing, broken, or neither PNG nor JPEG; put a good one "
        "in its place, or delete it: a.jpg.",
    )


def test_errors_in_a_datasets_entries_are_told_alike() -> None:
    errors = [_problem("ERROR_INVALID_IMAGE_DIMENSION")]
    entries = [
        _line("a.jpg", **{"cl-errors": errors, "cl-metadata": {"is_labeled": False}}).decode(),
        _line("b.jpg", **{"box-metadata": {"cl-errors": errors}}).decode(),
        _line("c.jpg", **{"cl-metadata": {"is_labeled": True}}).decode(),
    ]
    (sentence,) = training_failures.of_entries(Split.TEST, entries)
    assert sentence.startswith("2 test images: the image is under 64 or over 4096 pixels a side")
    assert sentence.endswith("a.jpg, b.jpg.")


@pytest.mark.parametrize("code", WORDS)
def test_every_documented_code_says_what_is_wrong_and_what_to_do(code: str) -> None:
    what, _, act = WORDS[code].partition("; ")
    assert what and act
    assert not WORDS[code].endswith(".")
    (sentence,) = _explain(_summary([_problem(code)])).sentences[1:]
    assert code not in sentence


_texts = st.text(max_size=2000)


@given(st.dictionaries(_texts, st.lists(_texts, min_size=1, max_size=20), max_size=60), _texts)
def test_the_text_fits_into_a_mail_whatever_the_service_says(
    found: Mapping[str, list[str]], reason: str
) -> None:
    train = [
        _line(key, errors=[_problem(code, code)]) for code, keys in found.items() for key in keys
    ]
    explained = _explain(train=train, reason=reason)
    assert len(explained.text) <= 3000
    assert len(explained.sentences) == 1 + len(found)


def test_what_does_not_fit_is_counted() -> None:
    train = [_line("a.jpg", errors=[_problem(f"ERROR_{i}", f"{i} " * 200)]) for i in range(50)]
    lines = _explain(train=train).text.splitlines()
    assert lines[0] == REASON
    named = len(lines) - 2
    assert 1 < named < 50
    assert lines[-1] == f"- {50 - named} more findings."
