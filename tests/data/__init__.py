"""Data sets as the formats' own tools write them: see README.md there."""

import shutil
from pathlib import Path

FOLDER = Path(__file__).parent


def place(name: str, folder: Path, images: str = "images") -> Path:
    """Put the data set of this name there, with the images in a folder of their own; its path."""
    shutil.copytree(FOLDER / name, folder, dirs_exist_ok=True)
    shutil.copytree(FOLDER / "images", folder / images, dirs_exist_ok=True)
    return folder
