"""`python -m local`: starts, says how to use it, stops; says in a line what it cannot deploy."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.doors.control import PAGES
from local.launch import PATIENCE_S
from tests.unit.local.small_stack import ROOT, SmallStack, eventually, launch, launch_small


def write_template(folder: Path, resources: dict[str, object], **sections: object) -> Path:
    path = folder / "template.yaml"
    transform = "AWS::Serverless-2016-10-31"
    path.write_text(json.dumps({"Transform": transform, "Resources": resources, **sections}))
    return path


def refusal(folder: Path, resources: dict[str, object], *arguments: str) -> str:
    """What is printed when the template is refused."""
    template = write_template(folder, resources)
    process = launch(folder / "data", "--template", str(template), *arguments)
    output, error = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1 and not output
    return error


def test_it_says_where_it_is_and_describes_the_stack_in_a_file(small_stack: SmallStack) -> None:
    description = small_stack.description
    assert set(description) == {"stack", "endpoint", "region", "clock_url", "outputs"}
    assert description["stack"] == "small"
    assert description["outputs"]["BucketName"].startswith("small-imagesbucket-")
    assert small_stack.control("GET", "health") == {
        "status": "ok",
        "stack": "small",
        "process": small_stack.process.pid,
        "data_dir": str(small_stack.data_dir),
    }


def test_its_own_pages_are_listed_and_documented(small_stack: SmallStack) -> None:
    pages = small_stack.control("GET", "")
    assert pages == PAGES
    guide = (ROOT / "docs/getting-started.md").read_text(encoding="utf-8")
    for page in pages:
        methods, _, path = page.rpartition(" ")
        assert any(
            line.startswith("|")
            and path in line
            and all(one in line for one in methods.split(", "))
            for line in guide.splitlines()
        ), page


def test_ctrl_c_ends_it_cleanly_with_its_workers(tmp_path: Path) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "app.py").write_text("def handler(event, context): return 'here'")
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {"CodeUri": "code", "Handler": "app.handler", "Runtime": "python3.13"},
    }
    template = write_template(
        tmp_path,
        {"F": function},
        Outputs={"F": {"Value": {"Ref": "F"}}},
        Parameters={"Colour": {"Type": "String"}, "Shape": {"Type": "String", "Default": ""}},
    )
    process = launch(tmp_path, "--template", str(template), "--parameter", "Colour=red")
    eventually((tmp_path / "stack.json").exists)
    stack = SmallStack(process, tmp_path)
    stack.client("lambda").invoke(FunctionName=stack.outputs["F"])
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert stack.outputs["F"] and "AWS_ENDPOINT_URL" in output
    assert re.search(r"^  Colour +red$", output, re.MULTILINE)
    assert re.search(r"^  Shape +\(empty\)$", output, re.MULTILINE)
    assert re.search(r"^  GET /_local/mail +the messages", output, re.MULTILINE)
    assert "Traceback" not in error
    workers = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, check=False)
    assert not workers.stdout


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        error = refusal(tmp_path, {}, "--port", str(port))
    assert error.count("\n") == 1 and f"port {port} is taken" in error and "--port" in error


def test_a_port_that_another_stack_has_is_said_with_its_process(tmp_path: Path) -> None:
    other = launch_small(tmp_path / "other")
    try:
        error = refusal(tmp_path, {}, "--port", other.endpoint.rsplit(":", 1)[1])
    finally:
        other.stop()
    assert f"by the stack small of process {other.process.pid}," in error
    assert str(tmp_path / "other") in error


def test_it_starts_again_at_once_on_the_port_of_one_that_has_ended(tmp_path: Path) -> None:
    first = launch_small(tmp_path / "first")
    port = first.endpoint.rsplit(":", 1)[1]
    with socket.create_connection(("127.0.0.1", int(port))) as held:
        # The server ends this connection, so that the system remembers the port for a minute.
        held.sendall(b"GET /_local/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert held.recv(1)
        first.stop()
        while held.recv(4096):
            pass
    again = launch_small(tmp_path / "second", "--port", port)
    try:
        assert again.endpoint == first.endpoint
    finally:
        again.stop()


def test_a_template_that_cannot_be_deployed_is_said_in_one_line(tmp_path: Path) -> None:
    error = refusal(tmp_path, {"Door": {"Type": "AWS::EC2::Instance", "Properties": {}}})
    assert error == (
        "label loop cannot start: Door: resource type AWS::EC2::Instance is not supported: "
        "add it to local/stack/resources/\n"
    )


def test_starting_does_not_load_motos_ec2() -> None:
    look = "import sys, local.__main__; print('moto.ec2.models' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, check=True)
    assert found.stdout == b"False\n"


def test_a_custom_resource_that_refuses_stops_the_deployment_with_its_reason(
    tmp_path: Path,
) -> None:
    with pytest.raises(AssertionError, match="rude greetings are refused"):
        launch_small(tmp_path, "--parameter", "Greeting=rude")
