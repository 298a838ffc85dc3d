"""Where files lie on this machine and in the bucket, by the paths of every system."""

from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest

from cli import files
from cli.failures import CommandError
from cli.imports.labelled_folders import place_of

FOLDERS = [PurePosixPath("/data/parts"), PureWindowsPath(r"C:\data\parts")]


@pytest.mark.parametrize("folder", FOLDERS)
class TestPlaces:
    def test_a_file_lies_in_its_labels_folder_by_the_same_name(self, folder: PurePath) -> None:
        file = folder / "nut" / "line 3" / "1.jpg"
        assert place_of(file.relative_to(folder), None) == ("nut", "line 3/1.jpg")

    def test_a_label_that_is_said_holds_all_folders(self, folder: PurePath) -> None:
        file = folder / "line 3" / "1.jpg"
        assert place_of(file.relative_to(folder), "nut") == ("nut", "line 3/1.jpg")

    def test_a_file_beside_the_labels_folders_has_none(self, folder: PurePath) -> None:
        assert place_of((folder / "1.jpg").relative_to(folder), None) == (None, "")

    def test_the_common_folder_is_the_innermost(self, folder: PurePath) -> None:
        assert files.common_folder([folder / "a" / "b", folder / "a", folder / "a" / "c"]) == (
            folder / "a"
        )
        assert files.common_folder([folder / "a", folder / "ab"]) == folder
        assert files.common_folder([folder]) == folder


def test_windows_knows_one_folder_by_capitals_and_small_letters() -> None:
    folders = [PureWindowsPath(r"C:\Data\a"), PureWindowsPath(r"c:\data\b")]
    assert files.common_folder(folders) == PureWindowsPath(r"C:\data")


def test_images_on_two_drives_have_no_common_folder() -> None:
    with pytest.raises(CommandError, match="several drives"):
        files.common_folder([PureWindowsPath(r"C:\a"), PureWindowsPath(r"D:\a")])
