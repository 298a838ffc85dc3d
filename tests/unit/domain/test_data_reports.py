"""labelloop.domain.data_reports: what a version was made of, in numbers, examples and words."""

import json

import pytest

from labelloop.domain import data_reports
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.imports import Collection
from labelloop.domain.inventory import LeftOut
from labelloop.domain.manifests import Changes, SplitImage
from labelloop.domain.splits import Split
from labelloop.domain.trainable import LabelLeftOut, Selection

NOTHING = Selection([], [], [])


def _image(number: int, split: Split, *labels: str) -> SplitImage:
    return SplitImage(f"{number}.jpg", "e", f"c{number}", split, Annotation.of_labels(labels))


def _left_out(count: int, reason: str) -> list[LeftOut]:
    return [LeftOut(f"{reason} {number}.jpg", "e", "", reason) for number in range(count)]


UNLABELLED = b'{"source-ref": "s3://bucket/2.jpg"}'


def _collection(*lines: bytes) -> Collection:
    collection = Collection(ModelType.CLASSIFICATION)
    collection.add("manifests/imported/a.jsonl", "2026", lines)
    return collection


NONE = _collection()


def test_a_report_counts_images_by_split_and_by_label() -> None:
    images = [
        _image(1, Split.TRAIN, "dog"),
        _image(2, Split.TRAIN, "cat", "dog"),
        _image(3, Split.TEST, "cat"),
    ]
    selection = Selection(images, [], [LabelLeftOut("owl", 1, "Too few.")])
    found = data_reports.report(selection, [], [], _collection(), Changes(1, 2, 3, 4))
    assert found == {
        "images": 3,
        "train_images": 2,
        "test_images": 1,
        "labels": {"cat": {"train": 1, "test": 1}, "dog": {"train": 2, "test": 0}},
        "changes": {"added": 1, "replaced": 2, "removed": 3, "moved": 4},
        "left_out": {"images": 0, "by_reason": {}, "examples": []},
        "passed_over": {"files": 0, "by_reason": {}, "examples": []},
        "labels_left_out": [{"label": "owl", "images": 1, "reason": "Too few."}],
        "under_several_labels": {"count": 0, "examples": []},
        "bad_lines": {"count": 0, "of": 0, "examples": []},
        "ignored_lines": {"count": 0, "examples": []},
        "lines_in_part": {"count": 0, "examples": []},
        "no_manifests": {"count": 0, "examples": []},
    }
    assert list(found["labels"]) == ["cat", "dog"]


def test_a_report_names_the_first_images_that_were_left_out_and_counts_all_by_reason() -> None:
    left_out = _left_out(2, "It is empty.") + _left_out(120, "It is broken.")
    found = data_reports.report(NOTHING, left_out, [], _collection(), Changes())["left_out"]
    assert found["images"] == 122
    assert list(found["by_reason"].items()) == [("It is broken.", 120), ("It is empty.", 2)]
    assert len(found["examples"]) == 100
    assert found["examples"][0] == {"key": "It is empty. 0.jpg", "reason": "It is empty."}


def test_a_report_stays_short_where_every_image_has_a_reason_of_its_own() -> None:
    left_out = [one for n in range(500) for one in _left_out(1, f"s3://b/{n} does not exist.")]
    found = data_reports.report(NOTHING, left_out, [], _collection(), Changes())["left_out"]
    assert (found["images"], len(found["by_reason"])) == (500, 100)


def test_a_report_names_bad_lines_by_file_and_number() -> None:
    found = data_reports.report(
        NOTHING, [], [], _collection(b"{", b"", b"[]", UNLABELLED), Changes()
    )
    assert found["ignored_lines"]["count"] == 1
    assert found["bad_lines"] == {
        "count": 2,
        "of": 3,
        "examples": [
            {"file": "manifests/imported/a.jsonl", "line": 1, "reason": "It is not JSON."},
            {"file": "manifests/imported/a.jsonl", "line": 3, "reason": "It is not a JSON object."},
        ],
    }


@pytest.mark.parametrize("name", ["傷", "\\ud800", "\\u0000"])
def test_a_report_of_bad_lines_can_be_written_whatever_they_say(name: str) -> None:
    line = f'{{"source-ref": "s3://bucket/1.jpg", "{name}-metadata": {{"type": "{name}"}}}}'
    collection = _collection(line.encode())
    assert collection.bad.count == 1
    found = data_reports.report(NOTHING, [], [], collection, Changes())
    for content in (found, data_reports.in_words([], [], [], collection)):
        assert json.loads(json.dumps(content, ensure_ascii=False).encode()) == content


# --- In words -------------------------------------------------------------------------------------


def test_where_all_was_used_there_is_nothing_to_say() -> None:
    assert data_reports.in_words([], [], [], _collection()) == []


def test_the_most_frequent_reasons_come_first_each_with_an_example() -> None:
    left_out = _left_out(1, "It is empty.") + _left_out(3, "It is broken.")
    assert data_reports.in_words(left_out, [], [], _collection()) == [
        "3 images left out, such as It is broken. 0.jpg: It is broken.",
        "One image left out, such as It is empty. 0.jpg: It is empty.",
    ]


def test_no_name_that_others_gave_begins_a_line_of_a_message() -> None:
    collection = Collection(ModelType.CLASSIFICATION)
    kind = {"type": "groundtruth/image-classification", "creation-date": "2026-11-21T08:00:00"}
    line = {"source-ref": "s3://bucket/a.jpg", "x\ny": 1, "x\ny-metadata": kind}
    collection.add("a\nb.manifest", "2026", [json.dumps(line).encode()])
    left_out = [LeftOut("a\n1.jpg", "e", "", "It is none.")]
    labels = [LabelLeftOut("a\n\nSend money\x1b[31m", 3, "It is none.")]
    said = data_reports.in_words(left_out, [], labels, collection)
    assert len(said) == 3
    assert all(text.isprintable() for text in said)
    assert r"The label a\n\nSend money\x1b[31m (3 images)" in said[1]


def test_what_is_too_much_to_say_is_counted() -> None:
    left_out = [one for n in range(7) for one in _left_out(9 - n, f"Reason {'ABCDEFG'[n]}.")]
    labels = [LabelLeftOut(f"label {n}", n, "Too few.") for n in range(1, 13)]
    said = data_reports.in_words(left_out, [], labels, _collection())
    assert said[4:] == [
        "5 images left out, such as Reason E. 0.jpg: Reason E.",
        "7 images left out for other reasons.",
        "The labels label 1 (one image), label 2 (2 images), label 3 (3 images), label 4 (4 images)"
        ", label 5 (5 images), label 6 (6 images), label 7 (7 images), label 8 (8 images), label 9 "
        "(9 images), label 10 (10 images) and 2 more were left out: Too few.",
    ]


def test_lines_that_differ_by_a_name_or_a_number_alone_are_one() -> None:
    left_out = [
        LeftOut(f"{n}.jpg", "e", "", f"An imported line names s3://b/{n}.jpg, which is not there.")
        for n in range(12)
    ]
    left_out += [LeftOut(f"{n}.png", "e", "", f"The image has {n} x 9 px.") for n in range(3)]
    labels = [LabelLeftOut(name, 2, "It needs three.") for name in ("cat", "dog")]
    assert data_reports.in_words(left_out, [], [*labels, LabelLeftOut("a/b", 1, "Odd.")], NONE) == [
        "12 images left out, such as 0.jpg: An imported line names s3://b/0.jpg, which is not "
        "there.",
        "3 images left out, such as 0.png: The image has 0 x 9 px.",
        "The labels cat (2 images) and dog (2 images) were left out: It needs three.",
        "The label a/b (one image) was left out: Odd.",
    ]


def test_files_at_which_nothing_looks_are_not_counted_as_images() -> None:
    beside = _left_out(2, "It is hidden.")
    assert data_reports.in_words(_left_out(1, "It is empty."), beside, [], NONE) == [
        "One image left out, such as It is empty. 0.jpg: It is empty.",
        "2 files not looked at, such as It is hidden. 0.jpg: It is hidden.",
    ]
    found = data_reports.report(NOTHING, [], beside, NONE, Changes())
    assert found["left_out"]["images"] == 0
    assert found["passed_over"]["files"] == 2
    assert found["passed_over"]["by_reason"] == {"It is hidden.": 2}


def test_lines_are_said_with_the_first_of_them() -> None:
    where = "of manifests/imported/a.jsonl"
    assert data_reports.in_words([], [], [], _collection(b"{", b"[]", UNLABELLED)) == [
        f"2 of 3 lines of imported manifests are bad, such as line 1 {where}: It is not JSON.",
        f"1 of 3 lines of imported manifests have nothing to learn, such as line 3 {where}: It has "
        "no label of the image, from which a classification model learns.",
    ]
    assert data_reports.in_words([], [], [], _collection(b"{", b"[]")) == [
        "One file under manifests/imported/ left out, such as manifests/imported/a.jsonl: not a "
        "manifest, since no line of it has a source-ref."
    ]
