"""`python -m local`: the whole application on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.constants import DEFAULT_PORT, HOST, STACK_NAME
from local.moto_patches.without_ec2 import skip_ec2

# No client in this process may see the developer's own configuration, and moto makes clients while
# it is imported: a profile that is chosen but not known would end it there. Nor may calls to
# ourselves go to a proxy.
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]
for _name in ("NO_PROXY", "no_proxy"):
    os.environ[_name] = ",".join(filter(None, (os.environ.get(_name), HOST, "localhost")))
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
skip_ec2()

from local.doors.control import PAGES  # noqa: E402
from local.people import add_person  # noqa: E402
from local.server import PortTakenError, Runtime, Settings, start  # noqa: E402
from local.stack.template import TemplateError  # noqa: E402


def main(arguments: list[str]) -> int:
    """Runs until it is told to stop; 0 then, 1 when it could not start."""
    settings, verbose = _settings(arguments)
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    began = time.monotonic()
    try:
        runtime = start(settings)
    except (PortTakenError, TemplateError, FileNotFoundError) as error:
        print(f"label loop cannot start: {error}", file=sys.stderr)
        return 1
    seconds = time.monotonic() - began
    print(_welcome(runtime, seconds, _first_reviewer(runtime)), flush=True)
    stopping.wait()
    runtime.stop()
    return 0


def _settings(arguments: list[str]) -> tuple[Settings, bool]:
    env = os.environ
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--template", type=Path, default=Path("template.yaml"))
    parser.add_argument("--port", type=int, default=int(env.get("LABELLOOP_PORT", DEFAULT_PORT)))
    parser.add_argument(
        "--time-scale", type=float, default=float(env.get("LABELLOOP_TIME_SCALE", "1"))
    )
    parser.add_argument("--data-dir", type=Path, default=Path(".local"))
    parser.add_argument("--stack-name", default=STACK_NAME)
    parser.add_argument("--parameter", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--verbose", action="store_true", help="say what the runtime does")
    given = parser.parse_args(arguments)
    parameters = {}
    for text in given.parameter:
        name, equals, value = text.partition("=")
        if not equals:
            parser.error(f"--parameter {text}: expected KEY=VALUE")
        parameters[name] = value
    settings = Settings(
        template=given.template,
        port=given.port,
        time_scale=given.time_scale,
        data_dir=given.data_dir,
        stack_name=given.stack_name,
        parameters=parameters,
        tps_per_inference_unit=float(env.get("LABELLOOP_TPS_PER_INFERENCE_UNIT", "5")),
        rekognition_speed=float(env.get("LABELLOOP_REKOGNITION_SPEED", "1")),
    )
    return settings, given.verbose


def _first_reviewer(runtime: Runtime) -> tuple[str, str] | None:
    """Name and password of somebody who can review at once; None where nobody can sign in."""
    pool = runtime.stack.outputs.get("UserPoolId")
    if pool is None:
        return None
    name, password = "reviewer@example.com", "Reviewer-1" + secrets.token_hex(4)
    add_person(runtime.clients.client("cognito-idp"), pool, name, password, "reviewers")
    return name, password


def _welcome(runtime: Runtime, seconds: float, reviewer: tuple[str, str] | None) -> str:
    outputs = runtime.stack.outputs
    lines = [
        f"Label Loop runs on {runtime.clients.endpoint} (deployed in {seconds:.1f} s).",
        "",
        "Any AWS client can use it; the keys and the Region can be anything:",
        "  export AWS_ACCESS_KEY_ID=me AWS_SECRET_ACCESS_KEY=me AWS_DEFAULT_REGION=us-east-1",
        f"  export AWS_ENDPOINT_URL={runtime.clients.endpoint}",
    ]
    bucket = outputs.get("BucketName")
    if bucket:
        lines.append(f"  aws s3 cp image.jpg s3://{bucket}/images_for_detection/image.jpg")
    if outputs.get("ConsoleUrl"):
        lines += ["", f"The review page: {outputs['ConsoleUrl']}"]
    if reviewer:
        lines.append(f"  sign in as {reviewer[0]} with the password {reviewer[1]}")
    lines += [
        "",
        'Deployed with (to change one: make local PARAMETERS="NAME=VALUE …"):',
        *_in_columns(runtime.stack.describe()["parameters"]),
        "",
        f"The runtime's own pages, under {runtime.clients.endpoint}:",
        *_in_columns(PAGES),
        "",
        f"Description: {runtime.data_dir / 'stack.json'}   Logs: {runtime.data_dir / 'logs'}",
        "Ctrl-C stops it; nothing is kept.",
    ]
    return "\n".join(lines)


def _in_columns(rows: Mapping[str, Any]) -> list[str]:
    width = max((len(name) for name in rows), default=0)
    return [f"  {name:<{width}}  {_shown(value)}" for name, value in rows.items()]


def _shown(value: Any) -> str:
    text = ",".join(value) if isinstance(value, list) else str(value)
    return text or "(empty)"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
