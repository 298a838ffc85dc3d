"""What one look at an image takes, in processor time and memory: Debian's photographs, in files as
cameras write them.

A process of its own looks at each file once, and has imported nothing before. Multiplications run
in one thread, as on a Lambda of one processor: what is measured is processor time, whatever else
the machine does.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageOps

from benchmarks.pictures import packages
from labelvision.conversion import convert_into

PROCESS = Path(__file__).with_name("look_process.py")
PHOTOGRAPHS = ("lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "mate-backgrounds")
LEAST_PX = 2900
"""The shorter side of those that are looked at: they have the detail of 12 megapixels."""
CASES: tuple[tuple[str, tuple[int, int], bool], ...] = (
    ("2 megapixels", (1632, 1224), False),
    ("12 megapixels", (4000, 3000), False),
    ("12 megapixels, progressive", (4000, 3000), True),
)
"""What each is called, its size, and whether its JPEG files are progressive."""


def run() -> list[dict[str, object]]:
    """A row a kind of file."""
    networks = packages.CACHE / "network"
    convert_into(networks)
    rows: list[dict[str, object]] = []
    for name, size_px, progressive in CASES:
        with TemporaryDirectory() as folder:
            files = list(_written(Path(folder), size_px, progressive))
            plain, shown = (_measured(networks, asked, files) for asked in ("none", "preview"))
            mb = [file.stat().st_size / 1024 / 1024 for file in files]
        rows.append(
            {
                "image": name,
                "files": len(files),
                "file_mb": f"{min(mb):.1f}-{max(mb):.1f}",
                "start_cpu_ms": round(plain[0] * 1000),
                "look_cpu_ms": round(plain[1] * 1000),
                "slowest_cpu_ms": round(plain[2] * 1000),
                "with_preview_cpu_ms": round(shown[1] * 1000),
                "peak_mb": round(max(plain[3], shown[3])),
            }
        )
    return rows


def _written(folder: Path, size_px: tuple[int, int], progressive: bool) -> Iterator[Path]:
    for package in PHOTOGRAPHS:
        for path in sorted(packages.debian(package).rglob("*.jpg")):
            with Image.open(path) as opened:
                if min(opened.size) < LEAST_PX:
                    continue
                image = ImageOps.fit(opened.convert("RGB"), size_px)
            written = folder / path.name
            image.save(written, quality=92, progressive=progressive)
            yield written


def _measured(networks: Path, asked: str, files: list[Path]) -> list[float]:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    words = [sys.executable, "-P", str(PROCESS), str(networks), asked, *map(str, files)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]
