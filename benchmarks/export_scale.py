"""What `labelloop export` takes with many images: time and memory of the command.

Each run is a process of its own. S3 is a stub whose answers take `S3_LATENCY_S`, with the index of
a version in it; its images were brought, so that no table is asked who answered. Images are
downloaded at the smallest size alone: what they take is the same for each.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import exporting
from benchmarks.exporting import client
from benchmarks.s3_stub import Generated, launched
from labelloop.domain.annotations import Annotation, Box
from labelloop.domain.manifests import LABELLED_FOLDER, SplitImage, index_lines
from labelloop.domain.splits import Split
from labelloop.domain.version_files import VersionFiles

SIZES = (1_000, 10_000, 100_000)
MOST_DOWNLOADED = 1_000
FORMATS = ("manifest", "csv", "coco", "yolo", "voc")
BUCKET, VERSION = "exported", "v1-0a1b2c3d"
LABELS = 100
S3_LATENCY_S = 0.015
ROOT = Path(__file__).parent.parent

Row = dict[str, object]


def run(sizes: Sequence[int] = SIZES, formats: Sequence[str] = FORMATS) -> list[Row]:
    """A row a size and format, without images; and one with them, at the smaller sizes."""
    rows = []
    for images in sizes:
        with launched(S3_LATENCY_S) as stub:
            keys = [_key(number) for number in range(images)]
            stub.put_images(BUCKET, keys)
            index = "".join(f"{line}\n" for line in index_lines(_images(keys))).encode()
            client(stub.endpoint, "s3").put_object(
                Bucket=BUCKET, Key=VersionFiles(VERSION).index, Body=index
            )
            rows += [_measured(stub.endpoint, images, name, download=False) for name in formats]
            if images <= MOST_DOWNLOADED:
                rows.append(_measured(stub.endpoint, images, "coco", download=True))
    return rows


def _key(number: int) -> str:
    return f"{LABELLED_FOLDER}label-{number % LABELS:03}/image-{number:07}.png"


def _images(keys: Sequence[str]) -> Iterator[SplitImage]:
    """Images with two boxes each, a fifth of which test."""
    size_px = (320, 240)
    for number, key in enumerate(keys):
        label = f"label-{number % LABELS:03}"
        said = Annotation.of_boxes([Box(label, 5, 5, 90, 80), Box("all", 9, 9, 50, 60)], size_px)
        split = Split.TEST if number % 5 == 0 else Split.TRAIN
        yield SplitImage(key, Generated(key).etag, f"{number:064x}-1", split, said)


def _measured(endpoint: str, images: int, name: str, *, download: bool) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        words = [folder, "--version", VERSION, "--format", name]
        words += ["--images"] if download else []
        done = subprocess.run(
            [sys.executable, "-m", exporting.__name__, endpoint, BUCKET, *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"The export failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        written = sum(1 for path in Path(folder).rglob("*") if path.is_file())
    measured: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    row: Row = {
        "images": images,
        "format": name + (", with images" if download else ""),
        "seconds": round(measured["seconds"], 1),
        "cpu_s": round(measured["cpu_s"], 1),
        "peak_mb": round(measured["peak_mb"]),
        "files": written,
    }
    print("\t".join(str(value) for value in row.values()), flush=True)
    return row
