"""labelloop.domain.imported_lines and imports: what lines say, and why some cannot be used."""

import itertools
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloop.domain import imported_lines, imports
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.imported_lines import ImportedLine, read_line
from labelloop.domain.imports import Collection, imported_key
from labelloop.domain.line_attributes import BadLineError, IgnoredLineError
from tests import cases

CLASSIFICATION, MULTI_LABEL, DETECTION = ModelType
DATE = "2018-10-18T22:18:13.527256"
LATER = "2018-11-20T22:18:13.527256"
KINDS = [
    "groundtruth/image-classification",
    "groundtruth/image-classification-multilabel",
    "groundtruth/object-detection",
]

# --- Lines as Ground Truth and Custom Labels document them ----------------------------------------

SPECIES: dict[str, Any] = {
    "source-ref": "s3://amzn-s3-demo-bucket/example_image.jpg",
    "species": "0",
    "species-metadata": {
        "class-name": "dog",
        "confidence": 0.00,
        "type": "groundtruth/image-classification",
        "job-name": "identify-animal-species",
        "human-annotated": "yes",
        "creation-date": DATE,
    },
}
STREET: dict[str, Any] = {
    "source-ref": "s3://amzn-s3-demo-bucket/example_image.jpg",
    "image-label-attribute-name": [1, 0, 8],
    "image-label-attribute-name-metadata": {
        "job-name": "labeling-job/image-label-attribute-name",
        "class-map": {"1": "bicycle", "0": "person", "8": "clothing"},
        "human-annotated": "yes",
        "creation-date": "2020-02-27T21:36:25.000201",
        "confidence-map": {"1": 0.95, "0": 0.77, "8": 0.2},
        "type": "groundtruth/image-classification-multilabel",
    },
}
TOYS: dict[str, Any] = {
    "source-ref": "s3://amzn-s3-demo-bucket/example_image.png",
    "bounding-box": {
        "image_size": [{"width": 500, "height": 400, "depth": 3}],
        "annotations": [
            {"class_id": 0, "left": 111, "top": 134, "width": 61, "height": 128},
            {"class_id": 5, "left": 161, "top": 250, "width": 30, "height": 30},
            {"class_id": 5, "left": 20, "top": 20, "width": 30, "height": 30},
        ],
    },
    "bounding-box-metadata": {
        "objects": [{"confidence": 0.8}, {"confidence": 0.9}, {"confidence": 0.9}],
        "class-map": {"0": "dog", "5": "bone"},
        "type": "groundtruth/object-detection",
        "human-annotated": "yes",
        "creation-date": DATE,
        "job-name": "identify-dogs-and-toys",
    },
}
ADJUSTED_TOYS: dict[str, Any] = {
    **TOYS,
    "adjusted-bounding-box": {
        "image_size": [{"width": 500, "height": 400, "depth": 3}],
        "annotations": [{"class_id": 5, "left": 10, "top": 10, "width": 30, "height": 30}],
    },
    "adjusted-bounding-box-metadata": {
        **TOYS["bounding-box-metadata"],
        "creation-date": LATER,
        "adjustment-status": "adjusted",
    },
}
VERIFIED_TOYS: dict[str, Any] = {
    **TOYS,
    "verify-bounding-box": "1",
    "verify-bounding-box-metadata": {
        "class-name": "bad",
        "confidence": 0.93,
        "type": "groundtruth/label-verification",
        "job-name": "verify-bounding-boxes",
        "human-annotated": "yes",
        "creation-date": LATER,
    },
}


def classified(label: str, created: str = DATE, name: str = "label", **more: Any) -> dict[str, Any]:
    """A line with an image-level label."""
    metadata = {
        "confidence": 1,
        "class-name": label,
        "human-annotated": "yes",
        "creation-date": created,
        "type": "groundtruth/image-classification",
    }
    return {"source-ref": "s3://bucket/a.jpg", name: 1, f"{name}-metadata": metadata, **more}


def boxed(*entries: Any, size: tuple[int, int] = (640, 480), **metadata: Any) -> dict[str, Any]:
    """A line with boxes; class 0 is a cat."""
    return {
        "source-ref": "s3://bucket/a.jpg",
        "boxes": {
            "image_size": [{"width": size[0], "height": size[1], "depth": 3}],
            "annotations": list(entries),
        },
        "boxes-metadata": {
            "objects": [{"confidence": 1} for _ in entries],
            "class-map": {"0": "cat"},
            "type": "groundtruth/object-detection",
            "human-annotated": "yes",
            "creation-date": DATE,
            **metadata,
        },
    }


def box(**changed: Any) -> dict[str, Any]:
    """A box that fits."""
    return {"class_id": 0, "left": 1, "top": 2, "width": 30, "height": 40, **changed}


def read(line: dict[str, Any], model_type: ModelType) -> ImportedLine:
    return read_line(json.dumps(line), model_type)


def labels_of(line: dict[str, Any], model_type: ModelType) -> tuple[str, ...]:
    return read(line, model_type).annotation.labels


def reason(line: dict[str, Any] | str | bytes, model_type: ModelType) -> str:
    """Why the line cannot be used."""
    with pytest.raises(BadLineError) as caught:
        read_line(json.dumps(line) if isinstance(line, dict) else line, model_type)
    return str(caught.value)


def ignored(line: dict[str, Any], model_type: ModelType) -> str:
    """Why the line is passed over."""
    with pytest.raises(IgnoredLineError) as caught:
        read_line(json.dumps(line), model_type)
    return str(caught.value)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["annotations", "image_size", "width", "height", "left", "0"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
"""Any JSON, with members that a line may have."""


@pytest.mark.parametrize("model_type", [CLASSIFICATION, MULTI_LABEL])
def test_a_class_that_says_that_it_is_none_of_the_labels_is_none(model_type: ModelType) -> None:
    line = classified("None of the Above")
    assert read_line(json.dumps(line), model_type).annotation == Annotation.of_labels(())


class TestClassification:
    def test_ground_truths_own_line_is_read(self) -> None:
        line = read(SPECIES, CLASSIFICATION)

        assert line == ImportedLine(
            "amzn-s3-demo-bucket", "example_image.jpg", Annotation.of_labels(["dog"]), DATE
        )

    def test_the_newest_of_several_attributes_counts(self) -> None:
        line = {**classified("dog", LATER, "second"), **classified("cat", DATE, "first")}

        assert labels_of(line, CLASSIFICATION) == ("dog",)
        assert read(line, CLASSIFICATION).created == LATER

    def test_dates_compare_as_times_whatever_their_zone(self) -> None:
        early = classified("cat", "2026-11-21T10:00:00+0200", "first")
        late = classified("dog", "2026-11-21T08:00:01Z", "second")

        assert labels_of({**late, **early}, CLASSIFICATION) == ("dog",)
        assert read(early, CLASSIFICATION).created == "2026-11-21T08:00:00.000000"

    def test_two_labels_of_the_same_time_are_one_too_many(self) -> None:
        line = {**classified("cat", name="l0"), **classified("dog", name="l1")}

        assert "2 labels at the same time" in ignored(line, CLASSIFICATION)
        assert labels_of({**line, **classified("dog", name="l0")}, CLASSIFICATION) == ("dog",)

    def test_what_the_service_added_is_no_label(self) -> None:
        evaluation = classified("wrong", LATER, "rekognition-custom-labels-evaluation-0")
        line = {
            **evaluation,
            **classified("cat"),
            "cl-metadata": {"is_labeled": True},
            "cl-errors": [{"code": "ERROR_INVALID_IMAGE", "message": "It is broken."}],
        }

        assert labels_of(line, CLASSIFICATION) == ("cat",)

    def test_the_owners_own_fields_are_passed_over(self) -> None:
        own: dict[str, Any] = {"camera-metadata": "north gate", "lens-metadata": {"type": 7}}

        assert labels_of(classified("cat", **own), CLASSIFICATION) == ("cat",)


class TestMultiLabel:
    def test_ground_truths_own_list_is_read(self) -> None:
        assert labels_of(STREET, MULTI_LABEL) == ("bicycle", "clothing", "person")
        assert read(STREET, MULTI_LABEL).created == "2020-02-27T21:36:25.000201"

    def test_class_numbers_may_be_text(self) -> None:
        line = {**STREET, "image-label-attribute-name": ["1", 8]}

        assert labels_of(line, MULTI_LABEL) == ("bicycle", "clothing")

    def test_nobody_chose_anything(self) -> None:
        line = {**STREET, "image-label-attribute-name": []}

        assert read(line, MULTI_LABEL).annotation == Annotation(())

    def test_the_pairs_of_custom_labels_are_united(self) -> None:
        line = {**classified("scratch", name="l0"), **classified("dent", LATER, name="l1")}

        assert labels_of(line, MULTI_LABEL) == ("dent", "scratch")
        assert read(line, MULTI_LABEL).created == LATER

    def test_pairs_and_the_list_are_united_too(self) -> None:
        line = {**STREET, **classified("night")}

        assert labels_of(line, MULTI_LABEL) == ("bicycle", "clothing", "night", "person")

    def test_an_unknown_class_number_is_a_reason(self) -> None:
        line = {**STREET, "image-label-attribute-name": [1, 2]}

        assert "no label for class 2" in reason(line, MULTI_LABEL)

    @pytest.mark.parametrize("value", [3, "1", None, {"1": 1}])
    def test_a_value_that_is_no_list_is_a_reason(self, value: Any) -> None:
        line = {**STREET, "image-label-attribute-name": value}

        assert "not a list of class numbers" in reason(line, MULTI_LABEL)

    def test_more_labels_than_the_service_takes_are_a_reason(self) -> None:
        attributes = [classified(f"label {i}", name=f"l{i}") for i in range(51)]
        line = dict(itertools.chain.from_iterable(attribute.items() for attribute in attributes))

        assert "51 labels" in reason(line, MULTI_LABEL)


class TestDetection:
    def test_ground_truths_own_boxes_are_read(self) -> None:
        assert read(TOYS, DETECTION).annotation == Annotation.of_boxes(
            [
                Box("dog", 111, 134, 61, 128),
                Box("bone", 161, 250, 30, 30),
                Box("bone", 20, 20, 30, 30),
            ],
            (500, 400),
        )

    def test_an_adjustment_replaces_what_it_adjusts(self) -> None:
        line = read(ADJUSTED_TOYS, DETECTION)

        assert line.annotation == Annotation.of_boxes([Box("bone", 10, 10, 30, 30)], (500, 400))
        assert line.created == LATER

    def test_an_adjustment_of_the_same_moment_comes_last(self) -> None:
        line = json.loads(json.dumps(ADJUSTED_TOYS))
        line["adjusted-bounding-box-metadata"]["creation-date"] = DATE

        assert len(read(line, DETECTION).annotation.boxes) == 1

    def test_a_verification_changes_nothing(self) -> None:
        assert read(VERIFIED_TOYS, DETECTION) == read(TOYS, DETECTION)

    def test_nothing_is_in_the_image(self) -> None:
        assert read(boxed(), DETECTION).annotation == Annotation((), (), (640, 480))

    def test_a_box_may_fill_the_image(self) -> None:
        line = boxed(box(left=0, top=0, width=640, height=480))

        assert read(line, DETECTION).annotation.boxes == (Box("cat", 0, 0, 640, 480),)

    @pytest.mark.parametrize(
        "outside",
        [{"left": -1}, {"top": -1}, {"left": 611}, {"top": 441}, {"width": 640}, {"height": 479}],
    )
    def test_a_box_beside_the_image_is_a_reason(self, outside: dict[str, int]) -> None:
        assert "not inside the image of 640 x 480 px" in reason(boxed(box(**outside)), DETECTION)
        # The service trains with the others, and so does this.
        line = read(boxed(box(), box(**outside)), DETECTION)
        assert len(line.annotation.boxes) == 1
        assert "not inside the image of 640 x 480 px" in line.problems[0]

    def test_03_boxes_with_half_pixels(self) -> None:
        for name in ("halves.manifest", "whole_as_float.manifest"):
            collection = Collection(DETECTION)
            text = cases.read("03", name).replace(b"BUCKET", b"bucket")
            collection.add(name, "2026", text.splitlines())
            assert (len(collection.images), collection.bad.count) == (10, 0)
            assert collection.in_part.count == 0
        half = read(boxed(box(left=10.5, top=8, width=40.5, height=30.25)), DETECTION)
        (found,) = half.annotation.boxes
        assert (found.left, found.top, found.left + found.width) == (10, 8, 51)
        assert found.top + found.height == 38

    @pytest.mark.parametrize(
        ("sides", "found"),
        [
            ({"left": -0.6, "width": 50.0}, (0, 49)),
            ({"left": 600.4, "width": 40.5}, (600, 640)),
            ({"left": 600, "width": 40.2}, (600, 640)),
        ],
    )
    def test_a_part_of_a_pixel_beside_the_image_is_cut_off(
        self, sides: dict[str, float], found: tuple[int, int]
    ) -> None:
        (kept,) = read(boxed(box(**sides)), DETECTION).annotation.boxes
        assert (kept.left, kept.left + kept.width) == found

    def test_classes_may_be_numbers_with_a_point(self) -> None:
        assert read(boxed(box(class_id=0.0)), DETECTION) == read(boxed(box(class_id=0)), DETECTION)

    @pytest.mark.parametrize(
        ("side", "size", "fits"),
        [
            (1, (640, 480), False),
            (2, (640, 480), True),
            (2, (1280, 480), True),
            (2, (1280, 2560), False),
            (3, (2560, 480), True),
            (0, (640, 480), False),
            (-5, (640, 480), False),
        ],
    )
    def test_a_box_is_over_a_pixel_wide_when_training_sees_it(
        self, side: int, size: tuple[int, int], fits: bool
    ) -> None:
        line = boxed(box(width=side), size=size)

        if fits:
            assert len(read(line, DETECTION).annotation.boxes) == 1
        else:
            assert "too small" in reason(line, DETECTION)

    def test_more_boxes_than_the_service_takes_are_a_reason(self) -> None:
        assert len(read(boxed(*[box()] * 50), DETECTION).annotation.boxes) == 50
        assert "51 boxes" in reason(boxed(*[box()] * 51), DETECTION)

    @pytest.mark.parametrize("class_id", [7, "7", None, True, [], -1])
    def test_a_class_without_a_label_is_a_reason(self, class_id: Any) -> None:
        assert "no label for class" in reason(boxed(box(class_id=class_id)), DETECTION)

    @pytest.mark.parametrize(
        "entry", [None, 7, [], {}, box(left=1e9), box(left=10**400), box(top="2"), box(width=True)]
    )
    def test_a_box_without_numbers_is_a_reason(self, entry: Any) -> None:
        assert "height in pixels" in reason(boxed(entry), DETECTION)

    @pytest.mark.parametrize(
        "value",
        [
            None,
            1,
            [],
            {},
            {"annotations": []},
            {"annotations": [], "image_size": []},
            {"annotations": [], "image_size": [{"width": 5}]},
            {"annotations": [], "image_size": [{"width": 5, "height": 5}] * 2},
            {"annotations": [], "image_size": [{"width": "5", "height": 5}]},
            {"annotations": [], "image_size": [{"width": 0, "height": 5}]},
            {"annotations": {}, "image_size": [{"width": 5, "height": 5}]},
        ],
    )
    def test_boxes_without_the_size_of_their_image_are_a_reason(self, value: Any) -> None:
        assert "one image_size" in reason({**boxed(), "boxes": value}, DETECTION)

    def test_boxes_without_labels_are_a_reason(self) -> None:
        line = boxed(box())
        del line["boxes-metadata"]["class-map"]

        assert "no class-map" in reason(line, DETECTION)


class TestAnyLine:
    @pytest.mark.parametrize("model_type", ModelType)
    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ("{", "not JSON"),
            ("nothing", "not JSON"),
            ("[" * 90_000, "not JSON"),
            ("7", "not a JSON object"),
            ('["a"]', "not a JSON object"),
            (b'{"source-ref": "s3://b\xfc/a.jpg"}', "not UTF-8"),
            ("{}".encode("utf-16"), "not UTF-8"),
            ('{"a":"' + "x" * 100_000 + '"}', "100008 characters"),
            ("{}", "no source-ref"),
            ('{"source-ref": 7}', "no source-ref"),
            ('{"source-ref": "https://bucket/a.jpg"}', "form s3://bucket/key"),
            ('{"source-ref": "s3://bucket"}', "form s3://bucket/key"),
            ('{"source-ref": "s3://bucket/"}', "form s3://bucket/key"),
            ('{"source-ref": "s3://bucket/folder/"}', "form s3://bucket/key"),
            ('{"source-ref": "s3:///a.jpg"}', "bucket that cannot be"),
            ('{"source-ref": "s3://a bucket/a.jpg"}', "bucket that cannot be"),
            ('{"source-ref": "s3://bucket/\\ud800.jpg"}', "not text"),
            (f'{{"source-ref": "s3://bucket/{"x" * 1025}"}}', "over 1024 bytes"),
        ],
    )
    def test_what_is_no_line_is_told_in_a_sentence(
        self, model_type: ModelType, line: str | bytes, why: str
    ) -> None:
        assert why in reason(line, model_type)

    @pytest.mark.parametrize(
        ("line", "model_type"),
        [
            (TOYS, CLASSIFICATION),
            (STREET, CLASSIFICATION),
            (TOYS, MULTI_LABEL),
            (SPECIES, DETECTION),
            (STREET, DETECTION),
            ({"source-ref": "s3://bucket/a.jpg"}, CLASSIFICATION),
        ],
    )
    def test_a_line_for_another_type_of_model_says_so(
        self, line: dict[str, Any], model_type: ModelType
    ) -> None:
        why = ignored(line, model_type)

        assert f"{model_type} model" in why
        assert len(line) == 1 or "it has groundtruth/" in why

    @pytest.mark.parametrize("model_type", ModelType)
    def test_what_a_labelling_job_could_not_label_says_why(self, model_type: ModelType) -> None:
        line = {
            "source-ref": "s3://bucket/a.jpg",
            "species-metadata": {
                "failure-reason": "ClientError: the image is broken",
                "human-annotated": "yes",
            },
        }

        assert "could not label the image: ClientError" in ignored(line, model_type)

    @pytest.mark.parametrize(
        ("metadata", "why"),
        [
            ({"class-name": None}, "no class-name"),
            ({"class-name": ""}, "needs a name"),
            ({"class-name": "a\nb"}, "control characters"),
            ({"class-name": "x" * 256}, "255 characters"),
            ({"creation-date": None}, "no creation-date"),
            ({"creation-date": "yesterday"}, "no date: yesterday"),
            ({"creation-date": "0001-01-01T00:00:00+14:00"}, "no date"),
            ({"type": "groundtruth/text-classification"}, "it has groundtruth/text"),
            ({"type": None}, "no label with metadata that have a type"),
        ],
    )
    def test_metadata_that_cannot_be_used_is_a_reason(
        self, metadata: dict[str, Any], why: str
    ) -> None:
        line = classified("cat")
        line["label-metadata"] |= metadata

        assert why in reason(line, CLASSIFICATION)

    def test_metadata_needs_its_value(self) -> None:
        line = classified("cat")
        del line["label"]

        assert "label has metadata, but no value" in reason(line, CLASSIFICATION)

    def test_a_reason_is_short_whatever_the_line_holds(self) -> None:
        line = classified("cat")
        line["label-metadata"]["creation-date"] = "x" * 50_000

        assert len(reason(line, CLASSIFICATION)) < 200

    def test_a_mark_of_byte_order_is_passed_over(self) -> None:
        line = b"\xef\xbb\xbf" + json.dumps(SPECIES).encode() + b"\r\n"

        assert read_line(line, CLASSIFICATION).annotation.labels == ("dog",)

    @pytest.mark.parametrize("end", ["", "\n", "\r\n"])
    def test_the_longest_line_that_the_service_takes_is_read(self, end: str) -> None:
        shorter = len(json.dumps(classified("cat", note="")))
        longest = json.dumps(classified("cat", note="x" * (100_000 - shorter)))

        assert read_line(longest + end, CLASSIFICATION).annotation.labels == ("cat",)
        assert "100001 characters" in reason(f"{longest[:-1]} }}{end}", CLASSIFICATION)

    @given(
        st.fixed_dictionaries(
            {"source-ref": st.just("s3://bucket/a"), "l": anything},
            optional={
                "l-metadata": st.fixed_dictionaries(
                    {"type": st.sampled_from(KINDS), "creation-date": st.just(DATE)},
                    optional={"class-name": anything, "class-map": anything},
                )
            },
        )
        | anything,
        st.sampled_from(ModelType),
    )
    def test_any_json_is_read_or_refused_in_words(self, line: Any, model_type: ModelType) -> None:
        try:
            read_line(json.dumps(line), model_type)
        except (BadLineError, IgnoredLineError) as error:
            words = str(error)
        else:
            return
        assert words


class TestCollection:
    def test_every_line_is_counted_and_bad_ones_are_named(self) -> None:
        collection = Collection(CLASSIFICATION)

        collection.add("a.manifest", "2026", [_text("cat"), b"\n", b"{", b"  \r\n", b"", b"{}"])

        assert collection.line_count == 3
        assert collection.bad.count == 2
        assert [(bad.file, bad.line) for bad in collection.bad.first] == [
            ("a.manifest", 3),
            ("a.manifest", 6),
        ]
        assert "not JSON" in collection.bad.first[0].reason

    def test_the_newest_line_of_an_image_wins_over_later_files(self) -> None:
        collection = Collection(CLASSIFICATION)

        collection.add("a", "2026", [_text("new", LATER), _text("old", DATE)])
        collection.add("b", "2027", [_text("older", "2017-01-01T00:00:00")])

        assert _labels(collection) == {"a.jpg": "new"}

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_of_lines_of_the_same_time_the_last_file_wins_in_any_order(
        self, order: tuple[int, ...]
    ) -> None:
        files = [
            ("z", "2025", [_text("first")]),
            ("a", "2026", [_text("second")]),
            ("b", "2026", [_text("third"), _text("fourth")]),
        ]
        collection = Collection(CLASSIFICATION)

        for position in order:
            collection.add(*files[position])

        assert _labels(collection) == {"a.jpg": "fourth"}

    def test_the_same_key_in_another_bucket_is_another_image(self) -> None:
        collection = Collection(CLASSIFICATION)
        other = _text("dog").replace(b"s3://bucket/", b"s3://other/")

        collection.add("a", "2026", [_text("cat"), other])

        assert set(collection.images) == {("bucket", "a.jpg"), ("other", "a.jpg")}

    @pytest.mark.parametrize(
        ("good", "bad", "too_many"), [(4, 1, False), (8, 2, False), (7, 2, True), (1, 1, True)]
    )
    def test_over_a_fifth_of_bad_lines_is_too_many(
        self, good: int, bad: int, too_many: bool
    ) -> None:
        collection = Collection(CLASSIFICATION)

        collection.add("a", "2026", [*[_text("cat")] * good, *[b"{"] * bad, *[b"\n"] * 20])

        assert collection.too_many_bad is too_many

    def test_nothing_at_all_is_not_too_many(self) -> None:
        assert not Collection(CLASSIFICATION).too_many_bad

    def test_only_the_first_bad_lines_are_kept(self) -> None:
        collection = Collection(CLASSIFICATION)

        collection.add("a", "2026", [*[b"{"] * 250, _text("cat")])

        assert (len(collection.bad.first), collection.bad.count) == (100, 250)
        assert collection.bad.first[-1].line == 100

    def test_02_unlabelled_lines_block_training(self) -> None:
        text = cases.read("02", "output.manifest").replace(b"BUCKET", b"bucket")
        collection = Collection(CLASSIFICATION)

        collection.add("output.manifest", "2026", text.splitlines())

        assert (len(collection.images), collection.ignored.count) == (7, 3)
        assert (collection.bad.count, collection.too_many_bad) == (0, False)

    def test_lines_of_the_other_kind_are_no_bad_lines(self) -> None:
        collection = Collection(CLASSIFICATION)
        collection.add("a", "2026", [_text("cat"), json.dumps(TOYS).encode()])
        assert (collection.bad.count, collection.ignored.count) == (0, 1)

    def test_18_whole_output_folder_of_a_labelling_job(self) -> None:
        collection = Collection(CLASSIFICATION)
        files = [path for path in cases.folder("18").glob("job/**/*") if path.is_file()]
        for path in files:
            text = path.read_bytes().replace(b"BUCKET", b"bucket")
            collection.add(path.name, "2026", text.splitlines())

        assert len(collection.images) == 8
        assert (collection.bad.count, collection.too_many_bad) == (0, False)
        assert len(collection.no_manifests) == len(files) - 1

    def test_15_label_with_a_slash(self) -> None:
        collection = Collection(CLASSIFICATION)
        text = cases.read("15", "na.manifest").replace(b"BUCKET", b"bucket")
        collection.add("na.manifest", "2026", text.splitlines())
        assert (len(collection.images), collection.bad.count) == (10, 0)
        assert "N/A" in {one.annotation.labels[0] for one in collection.images.values()}

    def test_the_guides_own_converter_is_understood(self) -> None:
        kept = {"type": "groundtruth/image-classification-multilabel"}
        line = {**classified("cat", name="l0"), **classified("dog", name="l1")}
        for name in ("l0", "l1"):
            line[f"{name}-metadata"] |= kept
        assert labels_of(line, MULTI_LABEL) == ("cat", "dog")

    def test_a_broken_label_costs_itself_only(self) -> None:
        line = {**classified("cat", name="l0"), **classified("x" * 256, name="l1")}
        del line["l1-metadata"]["class-name"]
        found = read(line, MULTI_LABEL)
        assert found.annotation.labels == ("cat",)
        assert "no class-name" in found.problems[0]


def _text(label: str, created: str = DATE) -> bytes:
    return json.dumps(classified(label, created)).encode() + b"\n"


def _labels(collection: Collection) -> dict[str, str]:
    return {line.key: line.annotation.labels[0] for line in collection.images.values()}


class TestMerged:
    LINE = ImportedLine("b", "k", Annotation.of_labels(["line"]), DATE)

    def test_a_line_wins_over_the_folder_where_there_is_one_label(self) -> None:
        assert imports.merged(CLASSIFICATION, "folder", self.LINE) == self.LINE.annotation

    def test_several_labels_are_united(self) -> None:
        both = Annotation.of_labels(["folder", "line"])

        assert imports.merged(MULTI_LABEL, "folder", self.LINE) == both

    @pytest.mark.parametrize("model_type", [CLASSIFICATION, MULTI_LABEL])
    def test_one_alone_counts(self, model_type: ModelType) -> None:
        folder = Annotation.of_labels(["folder"])

        assert imports.merged(model_type, "folder", None) == folder
        assert imports.merged(model_type, None, self.LINE) == self.LINE.annotation
        assert imports.merged(model_type, None, None) is None

    def test_a_folder_says_nothing_of_boxes(self) -> None:
        boxes = Annotation.of_boxes([Box("cat", 0, 0, 9, 9)], (64, 64))
        line = ImportedLine("b", "k", boxes, DATE)

        assert imports.merged(DETECTION, "folder", line) == boxes
        assert imports.merged(DETECTION, "folder", None) is None


class TestImportedKey:
    @pytest.mark.parametrize(
        ("bucket", "key", "there"),
        [
            ("own", "images_labeled_by_folder/cat/a.jpg", "images_labeled_by_folder/cat/a.jpg"),
            ("own", "images_imported/other/a.jpg", "images_imported/other/a.jpg"),
            ("own", "old/a.jpg", "images_imported/own/old/a.jpg"),
            (
                "other",
                "images_labeled_by_folder/a.jpg",
                "images_imported/other/images_labeled_by_folder/a.jpg",
            ),
            ("other", "a b/ü.jpg", "images_imported/other/a b/ü.jpg"),
        ],
    )
    def test_an_image_is_copied_unless_a_training_lists_it(
        self, bucket: str, key: str, there: str
    ) -> None:
        assert imported_key("own", bucket, key) == there

    @given(
        st.text(string.ascii_lowercase, min_size=3, max_size=63),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=900, max_size=1000),
    )
    def test_a_long_key_keeps_its_end_and_stays_apart(self, bucket: str, key: str) -> None:
        found = imported_key("own", bucket, f"{key}.jpg")

        assert len(found.encode()) <= 1024
        assert found.startswith(f"images_imported/{bucket}/") and found.endswith(".jpg")
        assert found == imported_key("own", bucket, f"{key}.jpg")
        assert found != imported_key("own", bucket, f"x{key[1:]}y.jpg")


class TestServiceFields:
    def test_errors_and_marks_are_gone_at_every_level(self) -> None:
        line = classified("cat")
        listed = {
            **line,
            "label-metadata": {**line["label-metadata"], "cl-errors": [{"code": "ERROR"}]},
            "cl-errors": [{"code": "ERROR"}],
            "cl-metadata": {"is_labeled": True},
        }

        assert json.loads(imported_lines.without_service_fields(json.dumps(listed))) == line

    def test_a_versions_own_evaluation_is_gone(self) -> None:
        line = classified("cat")
        snapshot = {
            **line,
            **classified("dog", name="rekognition-custom-labels-evaluation-0"),
            "rekognition-custom-labels-training": 1,
        }

        assert json.loads(imported_lines.without_service_fields(json.dumps(snapshot))) == line

    def test_what_an_image_was_trained_as_is_kept_where_nothing_else_is_there(self) -> None:
        snapshot = {
            **classified("cat", name="rekognition-custom-labels-training-0"),
            **classified("dog", name="rekognition-custom-labels-evaluation-0"),
        }

        cleaned = imported_lines.without_service_fields(json.dumps(snapshot))

        assert read_line(cleaned, CLASSIFICATION).annotation.labels == ("cat",)

    @pytest.mark.parametrize("line", ["", "{", "7", "[" * 90_000])
    def test_what_is_no_line_stays_as_it_is(self, line: str) -> None:
        assert imported_lines.without_service_fields(line) == line
