"""``make fuzz``: give a reader what a coverage-guided fuzzer makes of the corpus, for some time.

    python -m tests.fuzz images [options of libFuzzer]

What breaks a reader is left in ``crash-...``, and fails. In an environment of its own, which has
Atheris, Pillow and numpy.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["labelloop", "labelvision"]):
    from tests.fuzz.readers import OF_JSON, READERS

from tests.fuzz import json_lines

CORPUS = Path(__file__).with_name("corpus")


def main() -> None:
    """Fuzz the reader that the first word names."""
    program, name, *options = sys.argv
    grown = Path(".local", "fuzz", name)
    grown.mkdir(parents=True, exist_ok=True)
    # What is found is put into the first folder, and the corpus stays as it is.
    folders = [str(grown), str(CORPUS / name)]
    how = {"custom_mutator": _mutated} if name in OF_JSON else {}
    atheris.Setup([program, *folders, *options], READERS[name], **how)
    atheris.Fuzz()


def _mutated(data: bytes, most_bytes: int, seed: int) -> bytes:
    """Every other time as JSON."""
    changed = json_lines.mutate(data, seed) if seed % 2 else None
    mutated: bytes = changed or atheris.Mutate(data, most_bytes)
    return mutated[:most_bytes]


if __name__ == "__main__":
    main()
