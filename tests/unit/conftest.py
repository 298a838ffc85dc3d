"""What all unit tests share."""

import gc
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader, Loader
from hypothesis import settings

# A busy machine is no failure: time limits are pytest's.
settings.register_profile("labelloop", deadline=None)
settings.load_profile("labelloop")

# A shell lets what it runs in the background ignore Ctrl-C, which some tests press.
signal.signal(signal.SIGINT, signal.default_int_handler)


@cache
def _content(path: str) -> Any:
    return JSONFileLoader().load_file(path)


class ReadOnce(JSONFileLoader):
    """Reads a service's description once for all sessions, of which moto gives each test one."""

    def load_file(self, file_path: str) -> Any:
        return _content(file_path)


Loader.FILE_LOADER_CLASS = ReadOnce


@pytest.fixture(scope="module", autouse=True)
def _what_is_left_is_not_looked_through_again() -> Iterator[None]:
    """moto and botocore keep much, and looking for garbage in it took half of all the time."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the networks are converted, once."""
    return tmp_path_factory.mktemp("backbone")
