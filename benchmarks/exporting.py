"""One export in a process of its own, measured.

Started by ``export_scale`` with the address of an S3, the bucket, and the words of the command.
What it measured is the last line of its output.
"""

import functools
import json
import resource
import sys
import time
from typing import Any

import boto3
from botocore.config import Config
from click.testing import CliRunner

from benchmarks.invocation import peak_mb
from cli.__main__ import main as command
from cli.stack import Stack


@functools.cache
def client(endpoint: str, service: str) -> Any:
    """A client of the stub."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="stub",
        aws_secret_access_key="stub",  # noqa: S106 - the stub checks no signatures
        config=Config(read_timeout=300, s3={"addressing_style": "path"}),
    )


def main(endpoint: str, bucket: str, *words: str) -> None:
    """Export, and print what it took."""
    outputs = {"BucketName": bucket}
    stack = Stack("exported", outputs, lambda service, **_: client(endpoint, service))
    began = time.monotonic()
    result = CliRunner().invoke(command, ["export", *words], obj=stack)
    if result.exit_code:
        sys.exit(f"{result.output}\n{result.exception!r}")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    measured = {
        "seconds": time.monotonic() - began,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": peak_mb(usage.ru_maxrss),
    }
    print(json.dumps(measured), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
