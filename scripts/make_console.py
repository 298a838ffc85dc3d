"""``make console``: builds the review page, and puts it where the function that serves it is.

Deploying needs no Node: the built files are kept in the repository, compressed, with the digest of
the sources that they were made of. A test compares that digest with the sources.
"""

import gzip
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "console"
STATIC = ROOT / "functions" / "serve_console" / "static"
DIGEST = "sources.sha256"
MADE = {"node_modules", "dist", "made"}
"""Folders beside the sources that are no sources."""
NOTICE = ROOT / "NOTICE"
SHIPPED_NOTICE = "assets/NOTICE.txt"
"""Where Vite writes the licences of what it bundles, and the page has them."""
MORE_TEXTS = ("NOTICE", "THIRD-PARTY")
"""What a package has beside its licence begins with one of these."""


def main() -> None:
    """Build, compress, and note of what."""
    for command in (["npm", "ci", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
        subprocess.run(command, cwd=SOURCES, check=True)
    complete_notice(SOURCES / "dist" / SHIPPED_NOTICE)
    pack(SOURCES / "dist", STATIC)
    (STATIC / DIGEST).write_text(digest() + "\n", encoding="utf-8")


def digest() -> str:
    """What changes with any of the page's sources, its locked libraries included."""
    total = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        name = path.relative_to(SOURCES)
        is_source = name.parts[0] not in MADE and not name.name.endswith(".test.ts")
        if path.is_file() and is_source:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{name.as_posix()} {content}\n".encode())
    return total.hexdigest()


def complete_notice(written: Path) -> None:
    """Add what the packages that are named there want to be told, too; and keep all of it."""
    text = written.read_text(encoding="utf-8")
    for package in re.findall(r"^## (\S+) - ", text, re.MULTILINE):
        for path in sorted((SOURCES / "node_modules" / package).iterdir()):
            if path.name.startswith(MORE_TEXTS):
                more = path.read_text(encoding="utf-8").strip()
                text += f"\n## {package}: {path.name}\n\n{more}\n"
    for copy in (written, NOTICE):
        copy.write_text(text, encoding="utf-8", newline="\n")


def pack(built: Path, target: Path) -> None:
    """Put compressed copies of the built files in the place of what is in the target."""
    shutil.rmtree(target, ignore_errors=True)
    for path in sorted(built.rglob("*")):
        if path.is_file():
            copy = target / f"{path.relative_to(built)}.gz"
            copy.parent.mkdir(parents=True, exist_ok=True)
            # Without the time: the same sources make the same files.
            copy.write_bytes(gzip.compress(path.read_bytes(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
