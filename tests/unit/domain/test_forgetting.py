"""labelloop.domain.forgetting: what names an image or a person, and what is left without that."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain.forgetting import (
    AN_IMAGE,
    GONE,
    Forgotten,
    Images,
    Person,
    Rewriting,
    left_of_item,
)
from labelloop.domain.forgetting_work import Work

ANN = "ann.o+x@example.com"
SUB = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
DETECTION, OTHER = "a1" * 16, "b2" * 16
CONTENT = f"{'c3' * 32}-107"
keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).map(
    "images_to_label/{}".format
)


def left_of(forgotten: Forgotten, body: bytes) -> bytes:
    """A text without what is forgotten."""
    rewriting = Rewriting(forgotten)
    left = b"".join(rewriting.of(iter(body.splitlines(keepends=True)), len(body)))
    assert rewriting.changed == (left != body)
    return left


@given(keys, keys, st.booleans())
def test_the_lines_of_other_images_stay_as_they_are_whatever_the_names(
    forgotten: str, other: str, ascii_only: bool
) -> None:
    images = Images("b", frozenset({forgotten}))
    names = [forgotten, other, forgotten + other, forgotten + ".jpg", f"old/{forgotten}"]
    lines = [
        json.dumps(line, ensure_ascii=ascii_only).encode() + b"\n"
        for name in names
        for line in ({"source-ref": f"s3://b/{name}"}, {"key": name, "etag": "e"})
    ]
    kept = [line for line in lines if not _is_about(json.loads(line), forgotten)]

    left = left_of(images, b"".join(lines).replace(b"\r", b""))

    assert left == b"".join(kept).replace(b"\r", b"")


def _is_about(line: dict[str, str], key: str) -> bool:
    return line.get("key") == key or line.get("source-ref") == f"s3://b/{key}"


def test_a_label_that_is_called_as_an_image_is_none() -> None:
    images = Images("b", frozenset({"cat", "N/A"}))
    line = {"source-ref": "s3://b/images/1.jpg", "class-name": "cat", "labels": ["N/A"]}
    assert images.without(line) == line
    assert images.without({"source-ref": "s3://b/cat"}) is GONE


def test_what_has_an_id_is_about_it_wherever_the_id_stands() -> None:
    images = Images("b", detections=frozenset({DETECTION}), contents=frozenset({CONTENT}))
    assert images.is_at(f"images_in_review/detection-{DETECTION}-1.jpg")
    assert not images.is_at(f"images_in_review/detection-{OTHER}-1.jpg")
    lines = [{"human_loop": f"detection-{DETECTION}"}, {"content": CONTENT}, {"id": OTHER}]
    assert images.without(lines) == [{"id": OTHER}]


def test_json_within_json_is_looked_into_whatever_names_the_image_there() -> None:
    images = Images("b", frozenset({"images/1.jpg"}))
    records = [{"NewImage": {"key": {"S": key}}} for key in ("images/1.jpg", "images/2.jpg")]
    kept = images.without({"payload": json.dumps({"Records": records})})
    assert json.loads(kept["payload"]) == {"Records": records[1:]}
    as_it_is = {"payload": json.dumps({"Records": records[1:]}, indent=3)}
    assert images.without(as_it_is) == as_it_is


def test_who_has_a_copy_that_is_forgotten_loses_nothing_but_its_name() -> None:
    images = Images("b", frozenset({"images_labeled_by_folder/cat/1.jpg"}))
    line = {"detection_id": OTHER, "key": "images/1.jpg", "agreement": "decided"}
    copied = {**line, "copied_key": "images_labeled_by_folder/cat/1.jpg"}
    assert images.without(copied) == line
    in_dynamodb = {name: {"S": value} for name, value in copied.items()}
    assert images.without(in_dynamodb) == {name: {"S": value} for name, value in line.items()}


@pytest.mark.parametrize(
    ("sentence", "left"),
    [
        ("images/1.jpg is bad.", f"{AN_IMAGE} is bad."),
        ("It is s3://b/images/1.jpg.", f"It is {AN_IMAGE}."),
        ("Of (images/1.jpg), some.", f"Of ({AN_IMAGE}), some."),
        ("images/1.jpg.jpg is bad.", "images/1.jpg.jpg is bad."),
        ("old/images/1.jpg is bad.", "old/images/1.jpg is bad."),
        ("s3://c/images/1.jpg is bad.", "s3://c/images/1.jpg is bad."),
        ("images/1.jpg-2 is bad.", "images/1.jpg-2 is bad."),
    ],
)
def test_in_sentences_a_name_is_cut_out_and_no_longer_one(sentence: str, left: str) -> None:
    images = Images("b", frozenset({"images/1.jpg"}))
    assert images.without({"reasons": [sentence]}) == {"reasons": [left]}


def test_a_document_loses_what_is_about_it_and_keeps_its_form() -> None:
    images = Images("b", frozenset({"images/1.jpg"}))
    document = {"examples": [{"key": "images/1.jpg"}, {"key": "images/2.jpg"}], "figure": 0.1}
    body = json.dumps(document, indent=2).encode() + b"\n"
    wanted = {**document, "examples": [{"key": "images/2.jpg"}]}
    assert left_of(images, body) == json.dumps(wanted, indent=2).encode() + b"\n"
    assert left_of(images, b'{\n"image": "s3://b/images/1.jpg"\n}') == b""


def test_lines_are_taken_one_by_one_however_many_there_are() -> None:
    taken = 0

    def lines() -> Iterator[bytes]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield json.dumps({"key": f"images/{number}.jpg"}).encode() + b"\n"

    left = Rewriting(Images("b", frozenset({"images/5.jpg"}))).of(lines(), 10**9)
    for _ in range(3):
        next(left)
    assert taken <= 4


def test_how_far_the_system_has_come_is_known_without_the_image() -> None:
    images = Images("b", detections=frozenset({DETECTION}))
    state = {
        "kind": {"S": "state"},
        "after": {"S": f"2026-11-21T09:00:00.000Z#{DETECTION}"},
        "chosen": {"L": [{"S": DETECTION}, {"S": OTHER}]},
        "drawn": {"M": {DETECTION: {"N": "0.5"}, OTHER: {"N": "1"}}},
    }
    assert left_of_item(images, state) == {
        "kind": {"S": "state"},
        "after": {"S": f"2026-11-21T09:00:00.000Z#{'0' * 32}"},
        "chosen": {"L": [{"S": OTHER}]},
        "drawn": {"M": {OTHER: {"N": "1"}}},
    }


@pytest.mark.parametrize(
    "kept",
    [
        f"jo{ANN}",
        f"{ANN}.au",
        f"{ANN}-old",
        f"x.{ANN}",
        f"{SUB}-1",
        "ann.o+x",
    ],
)
def test_another_person_whose_name_is_alike_stays(kept: str) -> None:
    person = Person("b", frozenset({ANN}), frozenset({SUB}))
    assert person.without({kept: [kept]}) == {kept: [kept]}


@given(
    st.sampled_from([ANN, ANN.upper(), SUB]), st.sampled_from(["", " ", "/", "<", '"', ":", "("])
)
def test_no_byte_of_a_persons_names_is_left_whatever_stands_around_them(
    name: str, around: str
) -> None:
    person = Person("b", frozenset({ANN}), frozenset({SUB}))
    body = json.dumps({"by": f"{around}{name}{around}", name: 1}).encode()
    left = left_of(person, body).decode().lower()
    assert ANN not in left and SUB not in left and person.pseudonym in left


def test_images_that_are_called_after_a_person_keep_their_names_in_json_within_json() -> None:
    person = Person("b", frozenset({ANN}), frozenset({SUB}))
    record = {"key": {"S": f"images_for_detection/{ANN}/1.jpg"}, "senders": {"SS": [SUB]}}
    kept = person.without({"payload": json.dumps(record)})
    assert json.loads(kept["payload"]) == {**record, "senders": {"SS": [person.pseudonym]}}


def test_work_is_read_as_it_was_written_down() -> None:
    for what in (
        Images("b", frozenset({"a\nb"}), frozenset({"s3://c/d"}), frozenset({DETECTION})),
        Person("b", frozenset({ANN}), frozenset({SUB})),
    ):
        work = Work("1", "2026", "me", what, versions=[("k", "v")], delete=["v1"])
        assert Work.from_json(json.loads(json.dumps(work.as_json()))) == work
