"""What a fuzzer has found so far, and what it began with, breaks no reader."""

from pathlib import Path

import pytest

from tests.fuzz.readers import READERS

CORPUS = Path(__file__).with_name("corpus")
FILES = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("reader", READERS)
def test_no_file_of_the_corpus_breaks_its_reader(reader: str) -> None:
    files = [path for path in FILES if path.parent.name == reader]
    assert files
    for path in files:
        try:
            READERS[reader](path.read_bytes())
        except Exception as error:
            error.add_note(f"The file is {path}.")
            raise


def test_the_corpus_has_files_of_readers_only() -> None:
    assert {path.parent.name for path in FILES} == set(READERS)
