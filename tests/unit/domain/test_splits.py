"""labelloop.domain.splits: decided once by content, over whatever becomes of the images."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from labelloop.domain import inventory, manifests, splits, trainable
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.imported_lines import ImportedLine
from labelloop.domain.imports import IMPORTED_IMAGES
from labelloop.domain.inspections import Inspected
from labelloop.domain.inventory import Candidate
from labelloop.domain.listed import Listed
from labelloop.domain.manifests import LABELLED_FOLDER, SplitImage
from labelloop.domain.origins import GIVEN, Origin, Provenance
from labelloop.domain.splits import MAX_TEST_IMAGES_PER_LABEL, Ledger, Split
from labelloop.errors import InconsistentError, UntrainableError

LABELS = ["cat", "dog", "cow"]
SIZE_PX = (640, 480)
CREATED = "2026-11-21T09:15:27"
CHANCE = 0.01
SAMPLED = Provenance(Origin.SAMPLED, "d", "v1", True, CHANCE)


def _content(number: int) -> str:
    return splits.content_id(f"image {number}".encode(), 100 + number)


def _contents(count: int, start: int = 0) -> list[str]:
    return [_content(number) for number in range(start, start + count)]


def _of_label(label: str, contents: Iterable[str]) -> list[tuple[list[str], str]]:
    return [([label], content) for content in contents]


def _keys_of_manifest(images: Iterable[SplitImage], split: Split) -> Iterator[str]:
    for line in manifests.manifest_lines("bucket", images, split, CREATED):
        yield json.loads(line)["source-ref"].removeprefix("s3://bucket/")


# --- Over the whole life of a bucket --------------------------------------------------------------


class Histories(RuleBasedStateMachine):
    """Images come, go, move, are renamed, replaced, labelled anew and imported; some are trained.

    A training takes the product's own way from the listing to the manifests, whose lines count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.model_type = ModelType.CLASSIFICATION
        self.percentage = 20
        self.objects: dict[str, str] = {}
        """Key to content."""
        self.lines: dict[str, ImportedLine] = {}
        self.inspected: dict[str, Inspected] = {}
        self.ledger: list[str] = []
        self.sampled: set[str] = set()
        """The contents that were sampled."""
        self.sampled_share = 1.0
        self.ever_tested: set[str] = set()
        self.ever_trained: set[str] = set()
        self.made = 0

    @initialize(model_type=st.sampled_from(ModelType), percentage=st.integers(5, 50))
    def deploy(self, model_type: ModelType, percentage: int) -> None:
        self.model_type, self.percentage = model_type, percentage

    @rule(label=st.sampled_from(LABELS), count=st.integers(1, 8))
    def add(self, label: str, count: int) -> None:
        for _ in range(count):
            self.made += 1
            self.objects[f"{LABELLED_FOLDER}{label}/{self.made}.jpg"] = _content(self.made)

    @rule(label=st.sampled_from(LABELS), count=st.integers(1, 8))
    def sample(self, label: str, count: int) -> None:
        """People answer sampled detections, among them some of images that were there before."""
        self.add(label, count)
        self.sampled |= {_content(number) for number in range(self.made - count, self.made + 1)}

    @rule(share=st.sampled_from([1.0, 0.2]))
    def let_sampled_images_train(self, share: float) -> None:
        self.sampled_share = share

    @rule(labels=st.sets(st.sampled_from(LABELS), min_size=1), count=st.integers(1, 8))
    def import_with_images(self, labels: set[str], count: int) -> None:
        for _ in range(count):
            self.made += 1
            key = f"{IMPORTED_IMAGES}archive/{self.made}.jpg"
            self.objects[key] = _content(self.made)
            self._say(key, labels)

    @rule(data=st.data(), labels=st.sets(st.sampled_from(LABELS)))
    def label_by_manifest(self, data: st.DataObject, labels: set[str]) -> None:
        if self.objects:
            self._say(data.draw(st.sampled_from(sorted(self.objects))), labels)

    def _say(self, key: str, labels: set[str]) -> None:
        self.made += 1
        if self.model_type is ModelType.DETECTION:
            boxes = [Box(label, 1, 2, 30, 40) for label in labels]
            annotation = Annotation.of_boxes(boxes, SIZE_PX)
        else:
            most = 1 if self.model_type is ModelType.CLASSIFICATION else len(labels)
            annotation = Annotation.of_labels(sorted(labels)[:most])
        self.lines[key] = ImportedLine("bucket", key, annotation, f"{self.made:06d}")

    @rule(data=st.data())
    def remove_a_line(self, data: st.DataObject) -> None:
        if self.lines:
            del self.lines[data.draw(st.sampled_from(sorted(self.lines)))]

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.objects:
            del self.objects[data.draw(st.sampled_from(sorted(self.objects)))]

    @rule(data=st.data(), label=st.sampled_from(LABELS))
    def move_or_rename(self, data: st.DataObject, label: str) -> None:
        if self.objects:
            content = self.objects.pop(data.draw(st.sampled_from(sorted(self.objects))))
            self.made += 1
            self.objects[f"{LABELLED_FOLDER}{label}/{self.made}.jpg"] = content

    @rule(label=st.sampled_from(LABELS), number=st.integers(1, 40))
    def upload_again(self, label: str, number: int) -> None:
        """Something that was there before, perhaps under another label too."""
        self.made += 1
        self.objects[f"{LABELLED_FOLDER}{label}/{self.made}.jpg"] = _content(number)

    @rule(data=st.data(), number=st.integers(1, 40))
    def replace(self, data: st.DataObject, number: int) -> None:
        if self.objects:
            self.objects[data.draw(st.sampled_from(sorted(self.objects)))] = _content(number)

    @rule(percentage=st.integers(5, 50))
    def change_percentage(self, percentage: int) -> None:
        self.percentage = percentage

    @rule()
    def inspect(self) -> None:
        self.inspected = {
            key: Inspected(
                key,
                f"etag of {content}",
                content,
                SIZE_PX,
                provenance=SAMPLED if content in self.sampled else None,
            )
            for key, content in self.objects.items()
        }

    @rule(first=st.booleans())
    def train(self, first: bool) -> None:
        if first:
            self.inspect()
        listed = [
            Listed(key, f"etag of {content}", 100, "2026-11-21T09:15:27.000Z")
            for key, content in self.objects.items()
        ]
        told = {
            entry.key: self.inspected[entry.key]
            for entry in listed
            if entry.key in self.inspected and self.inspected[entry.key].etag == entry.etag
        }
        found = inventory.examine(listed, self.lines, told, self.model_type)
        before = splits.read_ledger(line.encode() for line in self.ledger)
        labelled = [(one.annotation.labels, one.content) for one in found.candidates]
        sampled, share = trainable.sampled_contents(found.candidates), self.sampled_share
        fresh = splits.assign(labelled, before.splits, self.percentage, sampled, share)
        assert not fresh.keys() & before.splits.keys(), "what is decided stays decided"
        if share == 1:
            assert {fresh[content] for content in fresh.keys() & sampled} <= {Split.TEST}
        ledger = before.adding(fresh, sampled, share)
        self.ledger = list(splits.ledger_lines(ledger))
        try:
            images = trainable.select(found.candidates, ledger, self.model_type).images
        except UntrainableError:
            return
        trained = {self.objects[key] for key in _keys_of_manifest(images, Split.TRAIN)}
        tested = {self.objects[key] for key in _keys_of_manifest(images, Split.TEST)}
        assert trained, "a version trains on something"
        assert tested, "a version is tested"
        for image in images:
            if image.provenance != GIVEN and image.split is Split.TEST:
                share = ledger.shares.get(image.content, 1.0)
                assert image.provenance.chance == CHANCE * share
        self.ever_trained |= trained
        self.ever_tested |= tested

    @invariant()
    def no_image_ever_both_trains_and_tests(self) -> None:
        assert not self.ever_tested & self.ever_trained


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=80, stateful_step_count=30)

# --- How many of them, and which ------------------------------------------------------------------

multi_labelled = st.lists(
    st.tuples(st.sets(st.sampled_from("abcdef"), min_size=1, max_size=4), st.integers(0, 40)),
    max_size=40,
).map(lambda images: [(labels, _content(number)) for labels, number in images])


@given(multi_labelled, st.integers(5, 50), st.randoms())
def test_the_order_of_the_images_decides_nothing(
    labelled: list[tuple[set[str], str]], percentage: int, rng: random.Random
) -> None:
    expected = splits.assign(labelled, {}, percentage)
    rng.shuffle(labelled)
    assert splits.assign(labelled, {}, percentage) == expected


@given(st.integers(0, 120), st.integers(5, 50))
def test_a_label_has_its_share_of_test_images_from_three_images_on(
    count: int, percentage: int
) -> None:
    fresh = splits.assign(_of_label("cat", _contents(count)), {}, percentage)
    found = Counter(fresh.values())
    assert found.total() == count
    if count < 3:
        assert found[Split.TEST] == 0
    else:
        assert 1 <= found[Split.TEST] < count
        assert abs(found[Split.TEST] - count * percentage / 100) <= 1


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12))
def test_images_that_come_in_small_numbers_approach_the_share_too(steps: list[int]) -> None:
    decided: dict[str, Split] = {}
    for step in steps:
        contents = _contents(len(decided) + step)
        decided |= splits.assign(_of_label("cat", contents), decided, 20)
    found = Counter(decided.values())
    if found.total() >= 5:
        assert abs(found[Split.TEST] - found.total() * 0.2) <= 2


@given(multi_labelled, st.integers(5, 50))
def test_every_label_of_three_images_trains_and_is_tested_if_that_can_be(
    labelled: list[tuple[set[str], str]], percentage: int
) -> None:
    fresh = splits.assign(labelled, {}, percentage)
    assert fresh.keys() == {content for _, content in labelled}
    contents = _by_label(labelled)
    tests = {
        label: sum(fresh[content] is Split.TEST for content in of) for label, of in contents.items()
    }
    for label, of in contents.items():
        if len(of) < 3:
            continue
        assert tests[label] < len(of)
        if not tests[label]:
            for content in of:
                others = [other for other in contents if content in contents[other]]
                assert any(
                    len(contents[other]) >= 3 and tests[other] == len(contents[other]) - 1
                    for other in others
                ), "one more test image would have left no label without training"


def _by_label(labelled: Iterable[tuple[Iterable[str], str]]) -> Mapping[str, set[str]]:
    contents: defaultdict[str, set[str]] = defaultdict(set)
    for labels, content in labelled:
        for label in labels:
            contents[label].add(content)
    return contents


def test_the_rarest_label_chooses_first_and_others_count_what_it_chose() -> None:
    # By their hashes alone the common label's test images would be six of the first twenty-seven.
    common = [(["common"], f"{number:02d}") for number in range(27)]
    both = [(["common", "rare"], content) for content in ("x", "y", "z")]
    fresh = splits.assign(common + both, {}, 20)
    assert [content for content, split in sorted(fresh.items()) if split is Split.TEST] == [
        *("00", "01", "02", "03", "04"),
        "x",
    ]


def test_a_label_whose_images_are_all_of_rarer_labels_is_tested_all_the_same() -> None:
    # Each rarer label takes its own image "a…" to test with.
    labelled = [
        ([label], f"a {label} {number}") for label in ("one", "two", "three") for number in range(2)
    ]
    labelled += [([label, "over all"], f"b {label}") for label in ("one", "two", "three")]
    fresh = splits.assign(labelled, {}, 20)
    overall = Counter(fresh[f"b {label}"] for label in ("one", "two", "three"))
    assert overall == {Split.TEST: 1, Split.TRAIN: 2}


def test_labels_with_common_images_do_not_take_the_last_one_from_training() -> None:
    # Each rarer label's first image by hash is one of the other label's.
    labelled = [([f"rare {n}", "common"], f"a {n}") for n in range(4)]
    labelled += [([f"rare {n}"], f"b {n} {more}") for n in range(4) for more in range(2)]
    fresh = splits.assign(labelled, {}, 20)
    assert Split.TRAIN in {fresh[f"a {n}"] for n in range(4)}
    for n in range(4):
        assert Split.TEST in {fresh[f"a {n}"], fresh[f"b {n} 0"], fresh[f"b {n} 1"]}


def test_the_same_picture_under_two_labels_has_one_split() -> None:
    labelled = _of_label("cat", _contents(10)) + _of_label("dog", _contents(10, 9))
    assert len(splits.assign(labelled, {}, 50)) == 19


# --- Sampled images -------------------------------------------------------------------------------


@given(multi_labelled, st.sets(st.integers(0, 40)), st.integers(5, 50))
def test_sampled_images_test_and_change_nothing_for_the_others(
    labelled: list[tuple[set[str], str]], numbers: set[int], percentage: int
) -> None:
    sampled = {_content(number) for number in numbers}
    fresh = splits.assign(labelled, {}, percentage, sampled)
    others = [(labels, content) for labels, content in labelled if content not in sampled]
    assert {one: fresh[one] for one in fresh.keys() - sampled} == splits.assign(
        others, {}, percentage
    )
    assert {fresh[one] for one in fresh.keys() & sampled} <= {Split.TEST}


def test_of_sampled_images_a_share_tests_where_they_train() -> None:
    contents = _contents(2000)
    fresh = splits.assign(_of_label("cat", contents), {}, 20, set(contents), 0.2)
    tests = {one for one, split in fresh.items() if split is Split.TEST}
    assert 330 < len(tests) < 470, "400 are expected; 4 standard deviations are 72"
    more = splits.assign(_of_label("cat", contents), {}, 20, set(contents), 0.5)
    assert tests < {one for one, split in more.items() if split is Split.TEST}
    ledger = Ledger().adding(fresh, set(contents), 0.2)
    assert ledger.shares == dict.fromkeys(tests, 0.2)


def test_what_trains_already_goes_on_training_when_it_is_sampled() -> None:
    decided = {"a": Split.TRAIN, "b": Split.TEST}
    fresh = splits.assign(_of_label("cat", ["a", "b", "c"]), decided, 20, {"a", "b", "c"})
    assert fresh == {"c": Split.TEST}


# --- The service's limit --------------------------------------------------------------------------


def _candidates(label: str, contents: Iterable[str], again: str = "") -> list[Candidate]:
    shown = Annotation.of_labels([label])
    return [
        Candidate(f"{LABELLED_FOLDER}{label}/{content}{again}", "e", content, shown)
        for content in contents
    ]


def _most_tests_in_manifest(images: Iterable[SplitImage]) -> int:
    counts: Counter[str] = Counter()
    for line in manifests.manifest_lines("bucket", images, Split.TEST, CREATED):
        counts.update(
            metadata["class-name"]
            for name, metadata in json.loads(line).items()
            if name.endswith("-metadata")
        )
    return max(counts.values())


def _decided(candidates: Sequence[Candidate]) -> Ledger:
    labelled = [(one.annotation.labels, one.content) for one in candidates]
    sampled = trainable.sampled_contents(candidates)
    return Ledger(splits.assign(labelled, {}, 50, sampled))


def test_no_label_has_more_test_images_than_the_service_takes() -> None:
    fresh = splits.assign(_of_label("cat", _contents(6000)), {}, 50)
    assert Counter(fresh.values())[Split.TEST] == MAX_TEST_IMAGES_PER_LABEL


def test_no_common_label_has_too_many_test_images_by_its_rarer_ones() -> None:
    labelled = [
        ([f"kind {number % 9}", "vehicle"], content)
        for number, content in enumerate(_contents(5400))
    ]
    fresh = splits.assign(labelled, {}, 50)
    assert Counter(fresh.values())[Split.TEST] == MAX_TEST_IMAGES_PER_LABEL


def test_test_images_that_move_to_a_full_label_stay_out_of_the_manifest() -> None:
    cats = _candidates("cat", _contents(2200))
    dogs = _candidates("dog", _contents(2200, 5000))
    decided = _decided([*cats, *dogs])
    moved = _candidates("cat", _contents(2100, 5000)) + _candidates("dog", _contents(100, 7100))
    selection = trainable.select([*cats, *moved], decided, ModelType.CLASSIFICATION)
    assert _most_tests_in_manifest(selection.images) == MAX_TEST_IMAGES_PER_LABEL
    tests = sum(split is Split.TEST for split in decided.splits.values())
    kept = sum(image.split is Split.TEST for image in selection.images)
    assert len(selection.left_out) == tests - kept > 900
    assert {one.reason for one in selection.left_out} == {
        "A label of its has 1000 test images already."
    }
    again = trainable.select([*reversed(moved), *cats], decided, ModelType.CLASSIFICATION)
    assert again == selection


def test_copies_of_test_images_do_not_bring_a_label_over_the_limit() -> None:
    cats = _candidates("cat", _contents(2200))
    others = _candidates("dog", _contents(3, 5000))
    decided = _decided([*cats, *others])
    copies = _candidates("cat", _contents(2200), " (copy)")
    selection = trainable.select([*cats, *copies, *others], decided, ModelType.CLASSIFICATION)
    assert _most_tests_in_manifest(selection.images) == MAX_TEST_IMAGES_PER_LABEL


def test_sampled_images_stay_in_a_full_test_set_and_others_leave_it() -> None:
    cats, dogs = _candidates("cat", _contents(2200)), _candidates("dog", _contents(3, 5000))
    decided = _decided([*cats, *dogs])
    late = [replace(one, provenance=SAMPLED) for one in _candidates("cat", _contents(30, 6000))]
    ledger = decided.adding(dict.fromkeys(_contents(30, 6000), Split.TEST), (), 1.0)
    selection = trainable.select([*cats, *dogs, *late], ledger, ModelType.CLASSIFICATION)
    assert _most_tests_in_manifest(selection.images) == MAX_TEST_IMAGES_PER_LABEL
    assert {one.key for one in late} <= {image.key for image in selection.images}
    assert len(selection.left_out) == 30


def test_sampled_images_leave_less_room_in_the_test_set_for_others() -> None:
    sampled = set(_contents(900, 5000))
    labelled = _of_label("cat", [*_contents(2200), *sampled])
    fresh = splits.assign(labelled, {}, 50, sampled)
    assert Counter(fresh.values())[Split.TEST] == MAX_TEST_IMAGES_PER_LABEL


@given(multi_labelled)
def test_nothing_is_too_many_where_there_are_few(labelled: list[tuple[set[str], str]]) -> None:
    assert splits.over_the_limit(labelled) == set()


# --- Identity, and the ledger ---------------------------------------------------------------------


def test_content_is_known_by_its_beginning_and_its_length() -> None:
    beginning = b"x" * splits.CONTENT_BYTES
    same = splits.content_id(beginning + b"the rest is not read", 200_000)
    assert splits.content_id(beginning, 200_000) == same
    assert splits.content_id(beginning, 200_001) != same
    assert splits.content_id(b"y" + beginning[1:], 200_000) != same


@given(
    st.dictionaries(st.integers(0, 99).map(_content), st.sampled_from(Split)),
    st.floats(0.05, 0.5),
)
def test_the_ledger_is_read_as_it_was_written(decided: dict[str, Split], share: float) -> None:
    ledger = Ledger(decided, dict.fromkeys(sorted(decided)[::2], share))
    written = [line.encode() for line in splits.ledger_lines(ledger)]
    assert written == sorted(written), "the same decisions make the same file"
    assert splits.read_ledger(written) == ledger


def test_a_ledger_of_before_there_were_shares_is_read() -> None:
    lines = [b'{"content": "a", "split": "test"}', b'{"content": "b", "split": "train"}']
    assert splits.read_ledger(lines) == Ledger({"a": Split.TEST, "b": Split.TRAIN})


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"content": "c"}',
        b'{"content": "c", "split": "both"}',
        b'{"content": "c", "split": "test", "share": "some"}',
        b"\xff",
    ],
)
def test_a_ledger_that_cannot_be_read_stops_everything(line: bytes) -> None:
    good = [text.encode() for text in splits.ledger_lines(Ledger({"c": Split.TEST}))]
    with pytest.raises(InconsistentError, match="Line 2 of manifests/splits"):
        splits.read_ledger([*good, line])
