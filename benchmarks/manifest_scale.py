"""What a training's preparation takes with many images: time and memory of each Lambda.

The functions run as they are, one invocation after the other, each in a fresh process with the
environment that the embedded runtime gives it. DynamoDB, Parameter Store and Rekognition are the
runtime's; S3 is a stub, since moto's is too slow for a quarter of a million images. Every answer of
the stub takes `S3_LATENCY_S`, about what S3's first byte takes within a Region.

Lambda gives a function of 1,024 MB 0.58 of a processor, so a limit is held only if it also holds
for the processor time at that share.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any

from benchmarks.s3_stub import S3Stub, launched
from labelloop.domain.manifests import LABELLED_FOLDER
from labelloop.domain.trainable import MOST_IMAGES
from local.launch import LocalStack, launch

SIZES = (1_000, 10_000, 50_000, MOST_IMAGES)
FOLDERS = 100
NEW_IMAGES = 100
S3_LATENCY_S = 0.015
MB_OF_A_WHOLE_CPU = 1769
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
INVOCATION = Path(__file__).with_name("invocation.py")
FUNCTIONS = ("CheckNewImages", "ListImagesToInspect", "InspectImages", "PrepareTraining")

Row = dict[str, object]


@dataclass(frozen=True)
class Invoked:
    """One invocation."""

    function: str
    output: Mapping[str, Any]
    seconds: float
    cpu_s: float
    peak_mb: float


@dataclass
class Bench:
    """A stack whose S3 is the stub, and what has been invoked in it."""

    stack: LocalStack
    stub: S3Stub
    functions: Mapping[str, Any]
    invoked: list[Invoked] = field(default_factory=list)

    def invoke(self, function: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the function answers. Raises RuntimeError with its output when it fails."""
        environment = {
            **self.functions[function]["environment"],
            "AWS_ENDPOINT_URL_S3": self.stub.endpoint,
            "POWERTOOLS_LOG_LEVEL": "WARNING",
        }
        done = subprocess.run(
            [sys.executable, "-P", INVOCATION],
            input=json.dumps(event),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{function} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        measured = json.loads(done.stdout.splitlines()[-1])
        self.invoked.append(Invoked(function, **measured))
        output: Mapping[str, Any] = measured["output"]
        return output

    def prepare(self, run: str) -> str:
        """The version that the workflow would train, all its images inspected."""
        digest = self.invoke("CheckNewImages", {"force": True})["digest"]
        listed = self.invoke("ListImagesToInspect", {"run": run, "digest": digest})
        for batch in listed["batches"]:
            self.invoke("InspectImages", {"batch": batch})
        asked = {"force": False, "digest": digest}
        version: str = self.invoke("PrepareTraining", asked)["version"]
        return version

    def note_trained(self, version: str) -> None:
        """Let the version count as trained, as the workflow would."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.stack.client("dynamodb").update_item(
            TableName=self.functions["PrepareTraining"]["environment"]["MODEL_VERSIONS_TABLE"],
            Key={"kind": {"S": "version"}, "name": {"S": version}},
            UpdateExpression="SET trained = :now, ended = :now",
            ExpressionAttributeValues={":now": {"S": now}},
        )

    def measured(self, images: int, run: str, since: int) -> Row:
        """A row of all that was invoked from ``since`` on; S3's calls are counted anew after it."""
        calls = self.stub.calls()
        self.stub.forget_calls()
        these = self.invoked[since:]
        row: Row = {
            "images": images,
            "run": run,
            "seconds": round(sum(one.seconds for one in these), 1),
            "peak_mb": round(max(one.peak_mb for one in these)),
            "s3_calls": sum(calls.values()),
            "invocations": len(these),
        }
        print("\t".join(str(value) for value in row.values()), flush=True)
        return row


def run(sizes: Sequence[int] = SIZES) -> list[Row]:
    """Four rows a size, then one a function with the most it took, and whether that is allowed."""
    rows: list[Row] = []
    longest: dict[str, list[Invoked]] = {function: [] for function in FUNCTIONS}
    limits: Mapping[str, Any] = {}
    for images in sizes:
        with launch() as stack, launched(S3_LATENCY_S) as stub:
            bench = Bench(stack, stub, stack.control("GET", "functions"))
            rows += _runs(bench, images)
            limits = bench.functions
            for one in bench.invoked:
                longest[one.function].append(one)
    return rows + [_limits(name, limits[name], longest[name]) for name in FUNCTIONS]


def _runs(bench: Bench, size: int) -> Iterator[Row]:
    """A first training, a poll when nothing is new, and a training with new images.

    The service's own limit counts the new images in.
    """
    bucket = bench.functions["InspectImages"]["environment"]["BUCKET_NAME"]
    keys = _keys()
    images = min(size, MOST_IMAGES - NEW_IMAGES)
    bench.stub.put_images(bucket, list(islice(keys, images)))
    bench.note_trained(bench.prepare("first"))
    yield bench.measured(images, "first", 0)
    for case in ("first poll", "next poll"):
        began = len(bench.invoked)
        bench.invoke("CheckNewImages", {"force": False})
        yield bench.measured(images, f"{case}, nothing new", began)
    began = len(bench.invoked)
    bench.stub.put_images(bucket, list(islice(keys, NEW_IMAGES)))
    bench.note_trained(bench.prepare("second"))
    yield bench.measured(images + NEW_IMAGES, f"{NEW_IMAGES} new", began)


def _keys() -> Iterator[str]:
    """Where the images are, label after label."""
    for number in count():
        yield f"{LABELLED_FOLDER}label-{number % FOLDERS:03}/image-{number:07}.png"


def _limits(function: str, limits: Mapping[str, Any], invoked: Sequence[Invoked]) -> Row:
    """The most that any invocation of the function took, beside what it may take."""
    share = min(1.0, limits["memory_mb"] / MB_OF_A_WHOLE_CPU)
    longest_s = max(one.seconds for one in invoked)
    on_lambda_s = max(max(one.seconds, one.cpu_s / share) for one in invoked)
    peak_mb = max(one.peak_mb for one in invoked)
    return {
        "function": function,
        "invocations": len(invoked),
        "longest_s": round(longest_s, 1),
        "on_lambda_s": round(on_lambda_s, 1),
        "limit_s": limits["timeout_s"],
        "peak_mb": round(peak_mb),
        "limit_mb": limits["memory_mb"],
        "within_limits": on_lambda_s < limits["timeout_s"] and peak_mb < limits["memory_mb"],
        "cores": os.cpu_count(),
    }
