"""Files that people complain about in public, each case in a folder of its own.

The test that bears a folder's name says what is right for it.
"""

from pathlib import Path


def folder(number: str) -> Path:
    """The folder of the case with this number."""
    (found,) = Path(__file__).parent.glob(f"{number}-*")
    return found


def read(number: str, name: str) -> bytes:
    """A file of the case with this number."""
    return (folder(number) / name).read_bytes()
