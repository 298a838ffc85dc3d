"""The eye's layer, for ``make validate``: made for arm64 and for this machine, and looked into.

No function has it yet, so that ``sam build`` does not make it: its own Makefile does. What it comes
to is kept in ``.local`` until something of it changes.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "layers/vision"
KEPT = ROOT / ".local/vision_layer"
MOST_MB = 230
"""Unzipped, with the common layer: Lambda takes 250, and the function's own code is still to come.
"""
ELF, ELF_ARM64 = b"\x7fELF", 183
TRIED = """
import importlib, io, pkgutil
import labelvision
for module in pkgutil.iter_modules(labelvision.__path__):
    importlib.import_module(f"labelvision.{module.name}")
from PIL import Image
from labelvision.backbone import Backbone
from labelvision.looking import look
image = Image.radial_gradient("L").convert("RGB")
backbone = Backbone()
for kind in ("PNG", "JPEG"):
    image.save(written := io.BytesIO(), kind)
    seen = look(written.getvalue(), backbone, with_preview=True)
    assert seen.size_px == (256, 256) and seen.thumbnail and seen.preview, seen
assert backbone.feature_grid(image).features.shape == (1024, 472)
"""
"""What must work with the layer and Python's own library alone."""


def check(python: Path, common: Path, say: Callable[[str], None]) -> None:
    """Make it, if anything has changed, and hold it to its limits. Ends the program otherwise.

    ``common`` is the other layer, as it is deployed.
    """
    made = _made(python)
    arm64 = made / "arm64" / "python"
    say(f"left out of the packages, KB:\n{(made / 'arm64' / 'said').read_text().rstrip()}")
    libraries = check_libraries(arm64)
    for packaged in arm64.glob("*.dist-info"):
        _check_licence(packaged)
    alone_mb, both_mb = size_mb(arm64), size_mb(arm64) + size_mb(common)
    if both_mb > MOST_MB:
        sys.exit(f"The layers have {both_mb:.0f} MB together; {MOST_MB} are allowed.")
    say(f"{libraries} compiled libraries, {alone_mb:.0f} MB; {both_mb:.0f} with the common layer")
    here = {"PYTHONPATH": str(made / "here" / "python")}
    tried = (str(python), "-S", "-c", TRIED)
    result = subprocess.run(tried, env=here, text=True, capture_output=True, check=False)
    if result.returncode:
        sys.exit(f"The same selection, made for this machine, does not work:\n{result.stderr}")


def check_libraries(folder: Path) -> int:
    """How many compiled libraries are in it, whatever their names; all must be for arm64."""
    found = [path for path in folder.rglob("*") if path.is_file() and _machine(path) is not None]
    if not found:
        sys.exit(f"{folder} has no compiled library at all, though its packages need some.")
    wrong = [path for path in found if _machine(path) != ELF_ARM64]
    if wrong:
        sys.exit(f"These libraries are not for arm64: {wrong}")
    return len(found)


def size_mb(folder: Path) -> float:
    """What its files come to."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1024 / 1024


def _machine(path: Path) -> int | None:
    """For which processors a program or library is, as its header says; None of other files."""
    with path.open("rb") as file:
        header = file.read(20)
    return int.from_bytes(header[18:20], "little") if header.startswith(ELF) else None


def _check_licence(packaged: Path) -> None:
    name = packaged.name.split("-")[0]
    files = [*packaged.rglob("LICEN*"), *packaged.parent.glob(f"{name}/LICEN*")]
    told = "\nLicense" in (packaged / "METADATA").read_text(encoding="utf-8")
    if not any(file.is_file() for file in files) and not told:
        sys.exit(f"The licence of {name} is not in the eye's layer.")


def _made(python: Path) -> Path:
    """Where both are; made now, if they are not there as the sources would have them."""
    sources = sorted(path for path in SOURCE.rglob("*") if path.suffix != ".pyc" and path.is_file())
    content = b"".join(hashlib.sha256(path.read_bytes()).digest() for path in sources)
    names = " ".join([str(python), *(str(path.relative_to(SOURCE)) for path in sources)])
    kept = KEPT / hashlib.sha256(names.encode() + content).hexdigest()[:16]
    if not kept.exists():
        shutil.rmtree(KEPT, ignore_errors=True)
        beside = KEPT / "new"
        _make(python, beside / "arm64")
        _make(python, beside / "here", "PLATFORM=")
        beside.rename(kept)
    return kept


def _make(python: Path, into: Path, *words: str) -> None:
    into.mkdir(parents=True)
    command = ("make", "--silent", "build-VisionLayer", f"PYTHON={python}", f"ARTIFACTS_DIR={into}")
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    result = subprocess.run(
        (*command, *words), cwd=SOURCE, env=environment, text=True, capture_output=True, check=False
    )
    if result.returncode:
        sys.exit(f"{result.stdout}\n{result.stderr}\nThe eye's layer cannot be made.")
    (into / "said").write_text(result.stdout)
    if not (into / "python/labelvision/networks/LICENSE").is_file():
        sys.exit("The licence of the network's weights is not in the eye's layer.")
