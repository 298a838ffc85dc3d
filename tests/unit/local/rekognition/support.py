"""What the emulator's tests share: a bucket in memory, a clock that stands, checked calls."""

import base64
import io
import json
import random
import time
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ParamValidationError
from botocore.validate import validate_parameters
from PIL import Image

from labelloop_pages import machine_parts
from local.launch import PATIENCE_S
from local.rekognition import RekognitionService
from local.rekognition.shapes import find_problems, operation_model

BUCKET = "label-loop"
REGION, ACCOUNT_ID = "eu-west-1", "123456789012"


class MemoryStore:
    """An object store whose missing and forbidden objects the tests decide."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.buckets = {BUCKET, "elsewhere"}
        self.forbidden: set[str] = set()

    def get(self, bucket: str, key: str, version: str | None) -> bytes:
        if key in self.forbidden:
            raise PermissionError(key)
        if version not in (None, "1"):
            raise KeyError(version)
        return self.objects[bucket, key]

    def put(self, bucket: str, key: str, body: bytes) -> None:
        if bucket not in self.buckets:
            raise KeyError(bucket)
        self.objects[bucket, key] = body

    def read_json(self, s3_object: Mapping[str, str]) -> Any:
        return json.loads(self.objects[s3_object["Bucket"], s3_object["Name"]])

    def read_lines(self, asset: Mapping[str, Any]) -> list[dict[str, Any]]:
        s3_object = asset["GroundTruthManifest"]["S3Object"]
        text = self.objects[s3_object["Bucket"], s3_object["Name"]].decode()
        return [json.loads(line) for line in text.splitlines()]


class ManualClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Client:
    """Calls the service as a client does, and fails on answers that botocore's model forbids."""

    def __init__(self, service: RekognitionService, clock: ManualClock, store: MemoryStore) -> None:
        self.service = service
        self.clock = clock
        self.store = store

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        answer = self.service.handle(operation, json.loads(json.dumps(request)))
        shape = operation_model(operation).output_shape
        assert shape is not None
        try:
            validate_parameters(answer, shape)
        except ParamValidationError as error:
            raise AssertionError(f"{operation} gave an impossible answer: {error}") from error
        assert list(find_problems(answer, shape, operation)) == []
        assert json.loads(json.dumps(answer)) == answer
        return answer

    def create_project(self, name: str = "parts") -> str:
        return str(self.call("CreateProject", ProjectName=name)["ProjectArn"])

    def create_dataset(self, project: str, kind: str, lines: Iterable[Any]) -> str:
        """A dataset of these manifest lines; it is complete when this returns."""
        key = f"manifests/{kind}.manifest"
        self.store.put(BUCKET, key, manifest(lines))
        answer = self.call(
            "CreateDataset",
            ProjectArn=project,
            DatasetType=kind,
            DatasetSource={"GroundTruthManifest": {"S3Object": {"Bucket": BUCKET, "Name": key}}},
        )
        self.clock.advance(60)
        return str(answer["DatasetArn"])

    def create_project_with_datasets(
        self, name: str, train: Iterable[Any], test: Iterable[Any]
    ) -> str:
        project = self.create_project(name)
        self.create_dataset(project, "TRAIN", train)
        self.create_dataset(project, "TEST", test)
        return project

    def start_training(
        self, project: str, name: str = "v1", bucket: str = BUCKET, **given: Any
    ) -> str:
        answer = self.call(
            "CreateProjectVersion",
            ProjectArn=project,
            VersionName=name,
            OutputConfig={"S3Bucket": bucket, "S3KeyPrefix": f"evaluation/{name}"},
            **given,
        )
        return str(answer["ProjectVersionArn"])

    def train(
        self, project: str, name: str = "v1", bucket: str = BUCKET, **given: Any
    ) -> dict[str, Any]:
        """The description of a version whose training has ended, well or badly."""
        self.start_training(project, name, bucket, **given)
        self.clock.advance(1800)
        deadline = time.monotonic() + PATIENCE_S
        while (version := self.describe_version(project, name))["Status"] == "TRAINING_IN_PROGRESS":
            assert time.monotonic() < deadline, "the training does not end"
            time.sleep(0.02)
        return version

    def describe_version(self, project: str, name: str) -> dict[str, Any]:
        answer = self.call("DescribeProjectVersions", ProjectArn=project, VersionNames=[name])
        (version,) = answer["ProjectVersionDescriptions"]
        return dict(version)

    def detect(self, version: str, image: bytes, **options: Any) -> list[dict[str, Any]]:
        encoded = base64.b64encode(image).decode()
        answer = self.call(
            "DetectCustomLabels", ProjectVersionArn=version, Image={"Bytes": encoded}, **options
        )
        return list(answer["CustomLabels"])


def manifest(lines: Iterable[Any]) -> bytes:
    """A manifest; lines that are not text yet are written as JSON."""
    return "\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines).encode()


def line(source_ref: str, label: str, **metadata: Any) -> dict[str, Any]:
    """A manifest line with one label; ``metadata`` replaces its members, None removes them."""
    described = {
        "confidence": 1.0,
        "job-name": "labels",
        "class-name": label,
        "human-annotated": "yes",
        "creation-date": "2026-11-21T08:00:00.000000",
        "type": "groundtruth/image-classification",
        **{name.replace("_", "-"): value for name, value in metadata.items()},
    }
    kept = {name: value for name, value in described.items() if value is not None}
    return {"source-ref": source_ref, "label": 1, "label-metadata": kept}


def several_labels_line(source_ref: str, labels: Iterable[str]) -> dict[str, Any]:
    """A manifest line with an attribute for each label."""
    found: dict[str, Any] = {"source-ref": source_ref}
    for number, label in enumerate(labels):
        found[f"label-{number}"] = 0
        found[f"label-{number}-metadata"] = line(source_ref, label)["label-metadata"]
    return found


def boxes_line(
    source_ref: str, parts: Iterable[machine_parts.PlacedPart], size_px: tuple[int, int]
) -> dict[str, Any]:
    """A manifest line with bounding boxes."""
    placed = list(parts)
    labels = sorted({part.label for part in placed})
    annotations = [
        {
            "class_id": labels.index(part.label),
            "left": part.left,
            "top": part.top,
            "width": part.width,
            "height": part.height,
        }
        for part in placed
    ]
    size = {"width": size_px[0], "height": size_px[1], "depth": 3}
    return {
        "source-ref": source_ref,
        "boxes": {"image_size": [size], "annotations": annotations},
        "boxes-metadata": {
            "objects": [{"confidence": 1} for _ in placed],
            "class-map": {str(number): label for number, label in enumerate(labels)},
            "type": "groundtruth/object-detection",
            "human-annotated": "yes",
            "creation-date": "2026-11-21T08:00:00.000000",
            "job-name": "boxes",
        },
    }


def encode(image: Image.Image, file_format: str = "JPEG") -> bytes:
    file = io.BytesIO()
    image.save(file, file_format)
    return file.getvalue()


def draw_lines(
    store: MemoryStore, folder: str, images_per_label: int, seed: int, labels: Iterable[str]
) -> list[dict[str, Any]]:
    """Manifest lines of newly drawn images, which are put in the bucket."""
    rng = random.Random(seed)
    lines = []
    for label in labels:
        for number in range(images_per_label):
            key = f"{folder}/{label}/{number}.jpg"
            store.put(BUCKET, key, encode(machine_parts.draw(label, rng)))
            lines.append(line(f"s3://{BUCKET}/{key}", label))
    return lines


def draw_several_lines(
    store: MemoryStore, folder: str, count: int, seed: int
) -> list[dict[str, Any]]:
    """Manifest lines of newly drawn images of one to three parts, which are put in the bucket."""
    rng = random.Random(seed)
    lines = []
    for number in range(count):
        labels = rng.sample(machine_parts.LABELS, rng.randint(1, 3))
        key = f"{folder}/{number}.jpg"
        store.put(BUCKET, key, encode(machine_parts.draw_several(labels, rng)))
        lines.append(several_labels_line(f"s3://{BUCKET}/{key}", labels))
    return lines


def draw_scene_lines(
    store: MemoryStore, folder: str, count: int, seed: int
) -> list[dict[str, Any]]:
    """Manifest lines of newly drawn scenes with boxes, which are put in the bucket."""
    rng = random.Random(seed)
    lines = []
    for number in range(count):
        image, parts = machine_parts.draw_scene(rng)
        key = f"{folder}/{number}.jpg"
        store.put(BUCKET, key, encode(image))
        lines.append(boxes_line(f"s3://{BUCKET}/{key}", parts, image.size))
    return lines
