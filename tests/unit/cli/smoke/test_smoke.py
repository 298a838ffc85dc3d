"""`labelloop smoke` apart from a stack: forms as a browser sends them, and the report."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from cli.failures import CommandError
from cli.smoke import run_report
from cli.smoke.run import FAILED, Done, Run
from cli.smoke.sign_in_step import _Browser
from cli.smoke.steps import STEPS
from cli.stack import Stack

KNOWN = {"username": "somebody", "password": "right"}
ARN = "arn:aws:rekognition:us-east-1:210987654321:project/label-loop/1"


class Pages(HTTPServer):
    """A sign-in of two pages, a name and then a password, behind a cookie and a hidden field."""

    forms = True
    error = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Page(BaseHTTPRequestHandler):
    server: Pages

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.startswith("/oauth2/authorize"):
            self._send(302, "", {"Location": "/login?x=1", "Set-Cookie": "XSRF-TOKEN=t; Path=/"})
        elif not self.server.forms:
            self._send(
                200, "<html><body><div id=root></div><script src=a.js></script></body></html>"
            )
        else:
            self._form("username")

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sent = {name: values[0] for name, values in parse_qs(text).items()}
        if self.headers["Cookie"] != "XSRF-TOKEN=t" or sent.get("_csrf") != "t":
            self._send(403, "")
        elif "password" not in sent or sent["password"] != KNOWN["password"]:
            self._form("password")
        else:
            answer = f"error={self.server.error}" if self.server.error else "code=c"
            self._send(302, "", {"Location": f"{self.server.url}/page/?{answer}&state=s"})

    def _form(self, name: str) -> None:
        self._send(
            200,
            f'<html><form action="/search"><input name=q></form><form method=post action="/{name}">'
            f'<input type=hidden name=_csrf value=t><input name="{name}"></form></html>',
        )

    def _send(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def pages() -> Iterator[Pages]:
    server = Pages()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def code(pages: Pages, known: dict[str, str]) -> str | None:
    return _Browser().code_for(
        f"{pages.url}/oauth2/authorize?a=b", f"{pages.url}/page/", "s", known
    )


def test_forms_are_sent_one_after_the_other_with_what_is_hidden_in_them(pages: Pages) -> None:
    assert code(pages, KNOWN) == "c"


def test_a_page_of_scripts_alone_is_left_to_a_person(pages: Pages) -> None:
    pages.forms = False
    assert code(pages, KNOWN) is None


def test_a_form_that_comes_back_is_not_sent_again(pages: Pages) -> None:
    assert code(pages, {**KNOWN, "password": "wrong"}) is None


def test_a_refusal_of_the_sign_in_is_told(pages: Pages) -> None:
    pages.error = "access_denied"
    with pytest.raises(CommandError, match="without a code: access_denied"):
        code(pages, KNOWN)


def test_the_report_names_no_account_no_person_and_no_secret() -> None:
    class Client:
        class meta:  # noqa: N801 - botocore's name for it
            region_name = "eu-west-1"

    def client(_: str, **__: Any) -> Any:
        return Client

    stack = Stack("label-loop", {"ProjectArn": ARN}, client)
    said = (
        "User: arn:aws:sts::210987654321:assumed-role/label-loop-Train/jane@example.com is not "
        "authorized; arn:aws:iam::210987654321:user/jane; AKIAABCDEFGHIJKLMNOP; "
        "https://b.s3.amazonaws.com/k?X-Amz-Credential=a%2Fb&X-Amz-Signature=abc123; "
        "eyJhbGciOi.eyJzdWIiOi.c2ln"
    )
    run = _Told(stack, said)

    report = run_report.as_json(run, [f"bucket-210987654321 of {said}"])
    text = run_report.text(report)

    for answer in (text, str(report)):
        for secret in ("210987654321", "jane", "AKIA", "abc123", "a%2Fb", "eyJ"):
            assert secret not in answer
        assert "<account>" in answer and "label-loop-Train" in answer
    assert "FAILED     training" in text and STEPS[0].means in text


class _Told(Run):
    """A run whose first step has failed."""

    def __init__(self, stack: Stack, said: str) -> None:
        done = Done(FAILED, (said,), 2.0)
        super().__init__(stack, {"begun": "now", "steps": {STEPS[0].name: done.as_json()}})

    @property
    def model_type(self) -> Any:
        return "classification"
