import io
from collections import Counter

import pytest
from PIL import Image

from labelloop.domain.annotations import ModelType
from labelloop_pages.machine_parts import LABELS, jpeg
from local.demo import pictures
from local.demo.pictures import PictureSets, draw_sets


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "FIRST_SET_PER_LABEL", 1)
    monkeypatch.setattr(pictures, "HELD_BACK_PER_LABEL", 1)
    monkeypatch.setattr(pictures, "STREAM_PER_LABEL", 2)
    monkeypatch.setattr(pictures, "LATER_STREAM_PER_LABEL", 1)
    monkeypatch.setattr(pictures, "UNRELATED_SHARE", 0.25)


def all_of(sets: PictureSets) -> list[pictures.Picture]:
    return [*sets.first, *sets.held_back, *(picture for one in sets.streams for picture in one)]


@pytest.mark.usefixtures("few")
def test_no_image_and_no_name_is_drawn_twice() -> None:
    everything = all_of(draw_sets(1))
    assert len({picture.content for picture in everything}) == len(everything)
    assert len({picture.file_name for picture in everything}) == len(everything)


@pytest.mark.usefixtures("few")
def test_one_seed_draws_the_same_images_another_draws_others() -> None:
    first, again, other = (all_of(draw_sets(seed)) for seed in (1, 1, 2))
    assert first == again
    assert not {p.content for p in first} & {p.content for p in other}


@pytest.mark.usefixtures("few")
def test_labels_are_balanced_and_only_streams_show_other_things() -> None:
    counted: list[int] = []
    sets = draw_sets(1, counted.append)
    assert Counter(p.truth for p in sets.first) == dict.fromkeys(LABELS, 1)
    assert Counter(p.truth for p in sets.held_back) == dict.fromkeys(LABELS, 1)
    assert Counter(p.truth for p in sets.streams[0]) == Counter([*LABELS * 2, None, None])
    assert counted[-1] == len(all_of(sets)) == len(sets.by_name())


@pytest.mark.usefixtures("few")
def test_file_names_do_not_give_the_label_away() -> None:
    for picture in all_of(draw_sets(1)):
        assert not any(label in picture.file_name for label in LABELS)


def test_a_thumbnail_is_small() -> None:
    content = jpeg(Image.new("RGB", (300, 150)))
    small = Image.open(io.BytesIO(pictures.thumbnail(content, 60)))
    assert small.size == (60, 30)


def test_images_that_show_several_parts_say_which_and_where(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures, "SIZES", dict.fromkeys(ModelType, (2, 2, 4, 2)))
    for picture in all_of(draw_sets(1, model_type=ModelType.MULTI_LABEL)):
        assert picture.truth == (", ".join(picture.shows.labels) or None)
        assert not picture.shows.boxes
    for picture in draw_sets(1, model_type=ModelType.DETECTION).first:
        with Image.open(io.BytesIO(picture.content)) as image:
            assert picture.shows.size_px == image.size
        assert len(picture.shows.boxes) >= 2
