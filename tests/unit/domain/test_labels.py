"""labelloop.domain.labels: names that can be a folder and a line in a manifest."""

import json

import pytest

from labelloop.aws import rekognition
from labelloop.domain import answers, labels
from labelloop.domain.annotations import Annotation, Box, ModelType
from labelloop.domain.doubt import Calibration
from labelloop.domain.image_labels import Label
from labelloop.domain.imports import Collection
from labelloop.domain.manifests import folder_label
from labelloop.errors import InvalidRequestError
from tests import cases


@pytest.mark.parametrize(
    "name",
    [
        *("scratch", "no defect", "Kratzer, groß", "傷", "a.b", "...", "x" * 255, "🙂", "傷" * 255),
        *("N/A", "cat/dog", "می\u200cخواهم", "👩\u200d🔧", ".NET", "🙂" * 255),
    ],
)
def test_peoples_words_are_taken_as_they_are(name: str) -> None:
    assert labels.check(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a\nb",
        "a\tb",
        "a\x00",
        "a\u200eb",
        "x" * 256,
        "\ud800",
    ],
)
def test_what_would_break_a_key_or_a_manifest_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError):
        labels.check(name)


@pytest.mark.parametrize(
    "name",
    [
        *(labels.NONE_OF_THEM, "None of the Above", "none of the above", "none of them"),
        *("None\u00a0of the Above", " NONE OF  THEM"),
    ],
)
def test_what_says_that_an_image_is_none_of_the_labels_is_no_label(name: str) -> None:
    assert labels.says_none(name)
    with pytest.raises(InvalidRequestError, match="none of the labels"):
        labels.check(name)


def test_people_read_words_for_what_is_none_of_the_labels() -> None:
    assert labels.shown(labels.NONE_OF_THEM) == "none of them"
    assert labels.known_as("none of them") == labels.NONE_OF_THEM
    assert labels.shown("gear") == labels.known_as("gear") == "gear"


def test_08_one_label_in_two_unicode_forms() -> None:
    assert labels.check("Ka\u0308fer") == labels.check(" K\u00e4fer ") == "K\u00e4fer"
    keys = [f"images_labeled_by_folder/{name}/1.jpg" for name in ("Ka\u0308fer", "K\u00e4fer")]
    assert {folder_label(key) for key in keys} == {"K\u00e4fer"}
    collection = Collection(ModelType.CLASSIFICATION)
    for name in ("nfc.manifest", "nfd.manifest"):
        collection.add(name, "2026", cases.read("08", name).splitlines())
    found = [label for line in collection.images.values() for label in line.annotation.labels]
    assert (found, collection.bad.count) == (["K\u00e4fer"] * 10, 0)


def test_08_one_label_in_two_unicode_forms_of_models_that_were_trained_on_both() -> None:
    decomposed, label = "Ka\u0308fer", "K\u00e4fer"
    box = {"label": decomposed, "left": 0, "top": 0, "width": 9, "height": 9}
    findings = [[decomposed, 0.9], [decomposed, 0.8, 0, 0, 9, 9]]
    answer = {"content": "a", "complete": True, "findings": findings}
    curves = {"labels": {decomposed: [0.1, 2, 3]}, "other": [0.5, 1, 0], "least_chance": 0.1}
    (read,) = answers.read([json.dumps(answer).encode()])
    assert {finding.label for finding in read.findings} == {label}
    assert read.findings[1].box == Box(label, 0, 0, 9, 9)
    assert Label.from_json({"name": decomposed}).name == label
    assert rekognition.label_of({"Name": decomposed, "Confidence": 9.0}).name == label
    assert Annotation.from_json({"labels": [decomposed]}).labels == (label,)
    drawn = {"labels": [decomposed], "boxes": [box], "size_px": [99, 99]}
    assert Annotation.from_json(drawn).boxes == (Box(label, 0, 0, 9, 9),)
    assert Calibration.from_json(curves).curves.keys() == {label}


@pytest.mark.parametrize(
    "name", ["", "N/A", ".git", ".ipynb_checkpoints", "__MACOSX", "@eaDir", "..", "🙂" * 255]
)
def test_what_cannot_be_a_folder_does_not_fit_one(name: str) -> None:
    assert not labels.fits_a_folder(name)


@pytest.mark.parametrize("name", ["bird", "bird ", "(1)", "Käfer", "a.b"])
def test_what_can_be_a_folder_fits_one(name: str) -> None:
    assert labels.fits_a_folder(name)
