"""Who may speak to the runtime: this machine's programs and its own pages, and no other page."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.launch import PATIENCE_S
from local.permissions.same_machine import refusal
from local.services.runtime_api import RuntimeApi
from tests.unit.local.small_stack import SmallStack

DOORS = (
    ("GET", "/_local/calls", None),
    ("PUT", "/_local/faults", b"[]"),
    ("DELETE", "/_local/rekognition", None),
    ("GET", "/_cognito/small-people/login", None),
    ("POST", "/_api/nothing", b"{}"),
    ("GET", "/bucket/key?X-Amz-Credential=me/20260101/us-east-1/s3/aws4_request", None),
    ("OPTIONS", "/bucket", None),
    ("GET", "/us-east-1_x/.well-known/jwks.json", None),
)


def host(stack: SmallStack, name: str) -> str:
    return f"{name}:{stack.endpoint.rpartition(':')[2]}"


@pytest.mark.parametrize(("method", "path", "body"), DOORS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Host": "example.org"},
        {"Host": "127.0.0.1.example.org:4566"},
        {"Host": "localhost.example.org"},
        {"Host": "0.0.0.0:4566"},
        {"Host": ""},
        {"Host": "example.org", "Origin": "http://example.org"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_no_page_of_elsewhere_is_answered_at_any_door(
    small_stack: SmallStack,
    method: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
) -> None:
    status, answered, text = small_stack.http(method, path, body, headers)

    assert status == 403
    assert b"the embedded runtime answers" in text
    assert not [name for name in answered if name.startswith("access-control-")]


def test_what_is_refused_has_no_effect(small_stack: SmallStack) -> None:
    fault = [{"service": "s3", "operation": "ListBuckets", "error": "SlowDown"}]
    order = json.dumps(fault).encode()
    small_stack.http("PUT", "/_local/faults", order, {"Origin": "https://example.org"})
    assert small_stack.control("GET", "faults") == []

    topic = small_stack.client("sns").create_topic(Name="kept")["TopicArn"]
    signed = "X-Amz-Credential=me/20260101/us-east-1/sns/aws4_request&X-Amz-Date=20990101T000000Z"
    image = f"/?Action=DeleteTopic&Version=2010-03-31&TopicArn={topic}&{signed}"
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert small_stack.http("GET", image, None, embedded)[0] == 403
    led = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert small_stack.http("GET", image, None, led)[0] == 403
    assert small_stack.client("sns").get_topic_attributes(TopicArn=topic)
    assert small_stack.http("GET", image, None, {})[0] == 200  # a program, which may


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_every_name_of_this_machine_is_answered(small_stack: SmallStack, name: str) -> None:
    there = host(small_stack, name)
    for headers in (
        {"Host": there},
        {"Host": host(small_stack, "127.0.0.1"), "Origin": f"http://{there}"},
        {"Host": there, "Origin": f"http://{there}", "Sec-Fetch-Site": "same-origin"},
        {"Host": there, "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
    ):
        assert small_stack.http("GET", "/_local/health", None, headers)[0] == 200


def test_a_link_from_elsewhere_leads_to_a_page(small_stack: SmallStack) -> None:
    led = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert small_stack.http("GET", small_stack.outputs["ApiUrl"] + "/", None, led)[0] == 200


@pytest.mark.parametrize("behind", ["localhost", "s3.localhost"])
def test_aws_clients_work_by_either_name_and_with_the_bucket_in_the_host(
    small_stack: SmallStack, behind: str
) -> None:
    bucket = small_stack.outputs["BucketName"]
    there = small_stack.endpoint.replace("127.0.0.1", "localhost")
    session: Any = boto3.session.Session()
    client = session.client(
        "s3",
        endpoint_url=there,
        region_name="us-east-1",
        aws_access_key_id="me",
        aws_secret_access_key="anything",
        config=Config(s3={"addressing_style": "path"}),
    )
    client.put_object(Bucket=bucket, Key="by-name", Body=b"content")

    in_host = {"Host": host(small_stack, f"{bucket}.{behind}")}
    address = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "by-name"})
    query = address.partition("?")[2]
    status, answered, body = small_stack.http("GET", f"/by-name?{query}", None, in_host)

    assert (status, body) == (200, b"content")
    assert not [name for name in answered if name.startswith("access-control-")]
    asked = [call for call in small_stack.control("GET", "calls") if call["service"] == "s3"]
    assert asked[-1]["resource"] == f"arn:aws:s3:::{bucket}/by-name"


def test_a_page_that_an_api_names_reaches_that_api_alone() -> None:
    headers = {"host": "127.0.0.1:4566", "origin": "https://example.com"}
    assert refusal(headers, origin_admitted=True) is None
    assert refusal(headers) is not None
    assert refusal({**headers, "host": "example.com"}, origin_admitted=True) is not None


def test_a_page_that_finds_a_workers_port_gets_no_event_and_the_worker_does() -> None:
    api = RuntimeApi()
    answers: list[bytes] = []
    request = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {host}\r\n{more}\r\n"

    def ask(more: str, named: str) -> None:
        name, _, port = api.address.partition(":")
        with socket.create_connection((name, int(port))) as connection:
            connection.sendall(request.format(host=named, more=more).encode())
            answers.append(connection.recv(1024))

    def ask_in_turn() -> None:
        ask("Origin: https://example.org\r\n", api.address)
        ask("", "example.org")
        ask("", api.address)

    asking = threading.Thread(target=ask_in_turn)
    asking.start()
    received = api.receive(time.monotonic() + PATIENCE_S)
    api.answer("200 OK", b"event")
    asking.join()
    api.close()

    assert received.path == "/2018-06-01/runtime/invocation/next"
    assert [answer.split(b" ")[1] for answer in answers] == [b"403", b"403", b"200"]
    assert [b"event" in answer for answer in answers] == [False, False, True]
