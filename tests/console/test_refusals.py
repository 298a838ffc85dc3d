"""What the API and the page's files refuse, whoever asks."""

import http.client
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from local.launch import PATIENCE_S
from tests.console.desk import Desk
from tests.stack import Reviewer

FIFTY_MB = 50 * 1024 * 1024


def _ask(desk: Desk, method: str, path: str, token: str | None = None, **more: Any) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    address = desk.stack.outputs["ConsoleUrl"].rstrip("/") + path
    answer = urllib3.request(
        method, address, headers=headers, retries=False, timeout=PATIENCE_S, **more
    )
    return answer.status


@pytest.mark.parametrize("token", [None, "", "h.e30.s", "eyJhbGciOiJub25lIn0.e30."])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/review/session"),
        ("GET", "/review/summary"),
        ("GET", "/review/tasks"),
        ("POST", "/review/tasks/next"),
        ("POST", "/review/tasks/any/answer"),
        ("POST", "/review/tasks/any/extend"),
        ("POST", "/review/tasks/any/release"),
        ("POST", "/review/tasks/any/undo"),
    ],
)
def test_nothing_of_the_api_is_open_without_a_good_token(
    desk: Desk, method: str, path: str, token: str | None
) -> None:
    assert _ask(desk, method, path, token) == 401


def test_another_person_s_task_is_refused(desk: Desk) -> None:
    (task,) = desk.ask_about(1)
    owner, other = desk.stack.add_reviewer(), desk.stack.add_reviewer()
    assert owner.take()

    for verb, body in (("answer", {"label": "bolt"}), ("extend", None), ("undo", None)):
        status, answer = other.ask("POST", f"/review/tasks/{task}/{verb}", body)
        assert status == 409, answer
    assert desk.task(task)["answers"] == {}
    assert owner.ask("POST", f"/review/tasks/{task}/answer", {"label": "bolt"})[0] == 200


@pytest.mark.parametrize(
    "name",
    [
        "..%2F..%2Ftemplate.yaml",
        "%2e%2e%2fapp.py",
        "..%5c..%5capp.py",
        "..",
        "index.html.gz",
        "app.py",
        "%00",
    ],
)
def test_only_the_page_s_own_files_are_served(desk: Desk, name: str) -> None:
    where = urlsplit(desk.stack.outputs["ConsoleUrl"])
    connection = http.client.HTTPConnection(where.netloc, timeout=PATIENCE_S)
    connection.request("GET", f"{where.path}assets/{name}")  # as it is: nothing tidies it up

    answer = connection.getresponse()

    assert answer.status == 404
    assert b"import" not in answer.read()


@pytest.mark.parametrize("task", ["..%2F..%2Fsecrets", "reviewer%23ann", "%00", "a" * 1500])
def test_tasks_that_are_none_are_refused(desk: Desk, task: str) -> None:
    person: Reviewer = desk.stack.add_reviewer()

    for verb in ("answer", "extend", "release", "undo"):
        status, answer = person.ask("POST", f"/review/tasks/{task}/{verb}", {"label": "bolt"})
        assert status in {400, 404}, answer


def test_a_body_of_fifty_megabytes_is_refused(desk: Desk) -> None:
    (task,) = desk.ask_about(1)
    person = desk.stack.add_reviewer()
    assert person.take()

    status, _ = person.ask("POST", f"/review/tasks/{task}/answer", {"label": "x" * FIFTY_MB})

    assert status == 413
    assert desk.task(task)["answers"] == {}
