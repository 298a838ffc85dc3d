"""Clients: a call that is never answered ends when it should, as an error that can be told of."""

import socket
import threading
from collections.abc import Iterator

import pytest

from labelloop.aws import clients
from labelloop.aws.failures import translated
from labelloop.errors import ServiceFailedError

READ_TIMEOUT_S = 0.05


class Silence:
    """A server that takes every request and answers none."""

    def __init__(self) -> None:
        self.requests = 0
        self._taken: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._take, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _take(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.requests += 1
            self._taken.append(connection)

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()
        for connection in self._taken:
            connection.close()


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the calls would go."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")


@pytest.fixture
def silence() -> Iterator[Silence]:
    """The server."""
    server = Silence()
    yield server
    server.close()


def test_a_call_that_hangs_is_tried_as_often_as_is_said_and_waits_no_longer_between(
    silence: Silence, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", waited.append)
    monkeypatch.setenv("AWS_ENDPOINT_URL", silence.url)
    monkeypatch.setattr(clients, "CONNECT_TIMEOUT_S", 60)
    sqs = clients.own_client.__wrapped__("sqs", clients.ATTEMPTS, READ_TIMEOUT_S)
    with pytest.raises(ServiceFailedError), translated():
        sqs.list_queues()
    assert silence.requests == clients.ATTEMPTS
    assert len(waited) == clients.ATTEMPTS - 1
    assert sum(waited) <= clients.MOST_BACKOFF_S


@pytest.mark.parametrize(("given", "read_timeout_s"), [(None, clients.READ_TIMEOUT_S), ("4", 4)])
def test_a_function_with_little_time_waits_for_answers_as_long_as_the_template_says(
    monkeypatch: pytest.MonkeyPatch, given: str | None, read_timeout_s: int
) -> None:
    monkeypatch.delenv("READ_TIMEOUT_S", raising=False)
    if given:
        monkeypatch.setenv("READ_TIMEOUT_S", given)
    with clients.made_by(clients.own_client.__wrapped__):
        config = clients.client("sqs").meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, read_timeout_s)


def test_what_a_call_takes_at_the_most_is_all_its_tries_and_the_waits_between() -> None:
    assert clients.longest_call_s(4, 3) == 3 * (2 + 4) + 3
    assert clients.longest_call_s(20, 1) == 22
