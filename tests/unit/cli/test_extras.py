"""What an installation brings only where it is told to."""

import tomllib

from cli.extras import PACKAGES
from tests.contract.files import ROOT


def test_what_is_said_to_bring_an_extra_brings_all_of_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert {extra: " ".join(r.partition(">")[0] for r in extras[extra]) for extra in extras} == (
        PACKAGES
    )
