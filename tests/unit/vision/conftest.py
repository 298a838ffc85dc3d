"""The networks that the eye's tests run."""

from pathlib import Path

import pytest

from labelvision.conversion import convert_into


@pytest.fixture(scope="session")
def converted(cache_dir: Path) -> Path:
    """Where they lie, converted."""
    convert_into(cache_dir)
    return cache_dir
