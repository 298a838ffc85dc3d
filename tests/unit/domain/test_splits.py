"""labelloop.domain.splits: decided once by content, over whatever becomes of the images."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from labelloop.domain import splits
from labelloop.domain.splits import Split
from labelloop.errors import InconsistentError

LABELS = ["cat", "dog", "cow"]


def _contents(count: int, start: int = 0) -> list[str]:
    return [splits.content_id(f"image {i}".encode(), 100 + i) for i in range(start, start + count)]


class Histories(RuleBasedStateMachine):
    """Images come, go, move, are renamed and uploaded again; trainings happen in between."""

    def __init__(self) -> None:
        super().__init__()
        self.images: dict[str, tuple[str, str]] = {}
        """Key to (label, content)."""
        self.ledger: dict[str, Split] = {}
        self.ever_tested: set[str] = set()
        self.ever_trained: set[str] = set()
        self.percentage = 20
        self.made = 0

    @initialize(percentage=st.integers(5, 50))
    def deploy(self, percentage: int) -> None:
        self.percentage = percentage

    @rule(label=st.sampled_from(LABELS), count=st.integers(1, 8))
    def add(self, label: str, count: int) -> None:
        for content in _contents(count, self.made):
            self.images[f"{label}/{self.made}.jpg"] = (label, content)
            self.made += 1

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.images:
            del self.images[data.draw(st.sampled_from(sorted(self.images)))]

    @rule(data=st.data(), label=st.sampled_from(LABELS))
    def move_or_rename(self, data: st.DataObject, label: str) -> None:
        if self.images:
            key = data.draw(st.sampled_from(sorted(self.images)))
            _, content = self.images.pop(key)
            self.made += 1
            self.images[f"{label}/{self.made}.jpg"] = (label, content)

    @rule(label=st.sampled_from(LABELS), number=st.integers(0, 40))
    def upload_again(self, label: str, number: int) -> None:
        """Something that was there before, perhaps under another label too."""
        self.made += 1
        self.images[f"{label}/{self.made}.jpg"] = (label, _contents(1, number)[0])

    @rule(percentage=st.integers(5, 50))
    def change_percentage(self, percentage: int) -> None:
        self.percentage = percentage

    @rule()
    def train(self) -> None:
        fresh = splits.assign(self.images.values(), self.ledger, self.percentage)
        assert not fresh.keys() & self.ledger.keys(), "what is decided stays decided"
        self.ledger |= fresh
        for _, content in self.images.values():
            tested = self.ledger[content] is Split.TEST
            (self.ever_tested if tested else self.ever_trained).add(content)

    @invariant()
    def no_image_ever_both_trains_and_tests(self) -> None:
        assert not self.ever_tested & self.ever_trained


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=25)


@given(st.lists(st.integers(0, 60), max_size=3), st.integers(5, 50))
def test_the_order_of_the_images_decides_nothing(counts: list[int], percentage: int) -> None:
    labelled = [
        (label, content)
        for label, count, start in zip(LABELS, counts, (0, 100, 200), strict=False)
        for content in _contents(count, start)
    ]
    expected = splits.assign(labelled, {}, percentage)
    assert splits.assign(reversed(labelled), {}, percentage) == expected


@given(st.integers(0, 120), st.integers(5, 50))
def test_a_label_has_its_share_of_test_images_from_three_images_on(
    count: int, percentage: int
) -> None:
    fresh = splits.assign([("cat", content) for content in _contents(count)], {}, percentage)
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
        decided |= splits.assign([("cat", content) for content in contents], decided, 20)
    found = Counter(decided.values())
    if found.total() >= 5:
        assert abs(found[Split.TEST] - found.total() * 0.2) <= 2


def test_the_same_picture_under_two_labels_has_one_split() -> None:
    shared = _contents(1)[0]
    labelled = [("cat", shared), ("dog", shared)]
    labelled += [("cat", content) for content in _contents(9, 10)]
    labelled += [("dog", content) for content in _contents(9, 30)]
    fresh = splits.assign(labelled, {}, 50)
    assert len(fresh) == 19


def test_no_label_has_more_test_images_than_the_service_takes() -> None:
    fresh = splits.assign([("cat", content) for content in _contents(6000)], {}, 50)
    assert Counter(fresh.values())[Split.TEST] == splits.MAX_TEST_IMAGES_PER_LABEL


def test_content_is_known_by_its_beginning_and_its_length() -> None:
    beginning = b"x" * splits.CONTENT_BYTES
    same = splits.content_id(beginning + b"the rest is not read", 200_000)
    assert splits.content_id(beginning, 200_000) == same
    assert splits.content_id(beginning, 200_001) != same
    assert splits.content_id(b"y" + beginning[1:], 200_000) != same


@given(
    st.dictionaries(st.integers(0, 99).map(lambda i: _contents(1, i)[0]), st.sampled_from(Split))
)
def test_the_ledger_is_read_as_it_was_written(decided: dict[str, Split]) -> None:
    assert splits.read_ledger(splits.write_ledger(decided)) == decided


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"{}", b'{"content": "c"}', b'{"content": "c", "split": "both"}', b"\xff"]
)
def test_a_ledger_that_cannot_be_read_stops_everything(line: bytes) -> None:
    good = splits.write_ledger({"c": Split.TEST})
    with pytest.raises(InconsistentError, match="Line 2 of manifests/splits"):
        splits.read_ledger(good + line + b"\n")
