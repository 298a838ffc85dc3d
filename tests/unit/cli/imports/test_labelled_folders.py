"""Which folders are labels, where something beside them may say otherwise."""

from pathlib import Path

import pytest

from cli.failures import CommandError
from cli.imports.labelled_folders import LocalFile, check_alone, files_of_labels

IMAGE = b"\x89PNG\r\n\x1a\n"


def taken(folder: Path, *names: str, label: str | None = None) -> list[LocalFile]:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(IMAGE if name.endswith(".png") else b"{")
    found = files_of_labels(folder, label, lambda *_: None, "import", with_parts=True)
    if label is None:
        check_alone(folder, found, "import")
    return found


@pytest.mark.parametrize(
    "beside", ["annotations.json", "photos/1.json", "xml/1.xml", "boxes.CSV", "all.jsonl"]
)
def test_one_folder_beside_annotations_of_no_known_kind_is_no_label(
    tmp_path: Path, beside: str
) -> None:
    with pytest.raises(CommandError) as refused:
        taken(tmp_path, "photos/1.png", "photos/2.png", beside)
    assert beside in str(refused.value) and "--label photos" in str(refused.value)
    assert {file.label for file in taken(tmp_path, label="cat")} == {"cat"}


@pytest.mark.parametrize("beside", ["README.md", "photos/notes.txt", "dog/1.png"])
def test_one_folder_alone_or_several_are_labels(tmp_path: Path, beside: str) -> None:
    found = taken(tmp_path, "photos/1.png", beside)
    assert "photos" in {file.label for file in found}
    if beside.startswith("dog"):
        assert len(taken(tmp_path, "names.json")) == 3
