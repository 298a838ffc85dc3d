"""A program's way to Label Loop: ask what is in images, and hear what people said of them.

    loop = LabelLoop("https://....amazonaws.com", "the id", "the secret")
    print(loop.detect("image.jpg").label)

It needs nothing but Python, and is no part of what runs on AWS. Let a program in with ``labelloop
clients add``, which shows its id and its secret.
"""

import base64
import http.client
import json
import os
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Image = str | os.PathLike[str] | bytes
"""A file's name, or what is in it: PNG or JPEG, up to 4 MB."""

ANSWERS_WITHIN_S = 35.0
"""API Gateway gives up after 30."""
ASK_AGAIN_S = 1.0
"""After this, and each time twice as long, where nobody says after how long."""
LONGEST_PAUSE_S = 60.0
LOOK_EVERY_S = 10.0
"""For what people say."""
_PASSES = frozenset((0, 429, 500, 502, 503, 504))
"""What may succeed later; 0 where there was no answer."""
_NO_HOST = "NoSuchHost"
_FOR_THE_MOMENT = socket.EAI_AGAIN
"""Whoever knows the names of hosts cannot be asked now."""


class ApiError(Exception):
    """What was refused, or not answered in time."""

    def __init__(
        self, status: int, code: str, message: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        """HTTP's; 0 where nobody has answered."""
        self.code = code
        """The API's word for it, as InvalidImage."""
        self.retry_after_s = retry_after_s
        """After how long it is worth the while to ask again, where the API says so."""


@dataclass(frozen=True)
class Box:
    """A part of an image, in ratios of its width and height."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Label:
    """Something that is in an image, or in a part of it."""

    name: str
    confidence_pct: float | None = None
    """The model's; people have none."""
    chance_pct: float | None = None
    """How likely it is there, where that is known."""
    box: Box | None = None


@dataclass(frozen=True)
class Result:
    """What became of an image."""

    outcome: str
    """confident, review, deferred, rejected or waiting."""
    label: str | None
    """The model's, which decided; None where it found nothing."""
    confidence_pct: float | None
    labels: tuple[Label, ...]
    """All that the model found, the surest first."""
    detection_id: str | None
    """By which it is asked for again, where it is logged."""
    decided_by: str | None
    """people or model: whose answer counts now; None where nobody has decided."""
    final_labels: tuple[Label, ...]
    """What counts now; empty for nothing, and where nobody has decided."""
    agreement: str | None
    """What people's answers came to: decided, none or undecided; None before."""
    answer: Mapping[str, Any] = field(repr=False)
    """All that the API has answered."""

    @property
    def is_open(self) -> bool:
        """Whether a model or people are still to say what it is."""
        if self.outcome == "waiting":
            return True
        is_asked = bool(self.answer.get("human_loop")) and not self.answer.get("review_problem")
        return is_asked and self.agreement is None and self.decided_by is None


class LabelLoop:
    """A stack's API. Can be used by several threads at once."""

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        patience_s: float = 300.0,
        pause: Callable[[float], object] = time.sleep,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """``url`` is the stack's output ApiUrl. What is refused for the moment is asked again, when
        the API says and for ``patience_s`` in all; a model that starts takes ten to twenty minutes.
        """
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"{url!r} is no address: it is the stack's output ApiUrl.")
        self._url = url.rstrip("/")
        known = f"{client_id}:{client_secret}".encode()
        self._proof = f"Basic {base64.b64encode(known).decode()}"
        self._patience_s = patience_s
        self._pause, self._now_s = pause, now_s
        self._lock = threading.Lock()
        self._token, self._token_ends_s, self._token_url = "", 0.0, ""
        self._not_before_s = 0.0
        """Nobody asks before: the API has told somebody so."""

    def detect(self, image: Image, *, log: bool = False) -> Result:
        """What the model finds. With ``log`` people are asked where it is in doubt, and what they
        say can be asked for later; an image that no model has seen yet is ``waiting`` then.

        Raises ApiError, and OSError where the file cannot be read.
        """
        content = image if isinstance(image, bytes) else Path(image).read_bytes()
        path = f"/detect?log={'true' if log else 'false'}"
        return _result(self._ask("POST", path, content))

    def detect_many(
        self, images: Iterable[Image], *, log: bool = False, at_once: int = 4
    ) -> Iterator[tuple[Image, Result | ApiError | OSError]]:
        """Each image with what became of it, in their order. One that is refused stops no other.

        As many are asked about at once; all of them wait where the API says that it is too fast.
        """

        if isinstance(images, str | bytes | os.PathLike):
            raise TypeError("detect_many takes several images: detect takes one.")

        def one(image: Image) -> Result | ApiError | OSError:
            try:
                return self.detect(image, log=log)
            except (ApiError, OSError) as error:
                return error

        under_way: deque[tuple[Image, Future[Result | ApiError | OSError]]] = deque()
        pool = ThreadPoolExecutor(at_once)
        try:
            for image in images:
                under_way.append((image, pool.submit(one, image)))
                if len(under_way) > at_once:
                    first, future = under_way.popleft()
                    yield first, future.result()
            while under_way:
                first, future = under_way.popleft()
                yield first, future.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def result(
        self, detection_id: str, *, wait: bool = False, timeout_s: float | None = None
    ) -> Result:
        """What the log has of a detection. With ``wait``, when nothing is awaited any more: people
        may take days. Raises TimeoutError after ``timeout_s``, and ApiError.
        """
        path = f"/detections/{urllib.parse.quote(detection_id, safe='')}"
        until_s = None if timeout_s is None else self._now_s() + timeout_s
        while True:
            found = _result(self._ask("GET", path))
            if not (wait and found.is_open):
                return found
            if until_s is not None and self._now_s() + LOOK_EVERY_S > until_s:
                raise TimeoutError(f"{detection_id} is still {found.outcome}.")
            self._pause(LOOK_EVERY_S)

    def results(self, **asked: str) -> Iterator[Result]:
        """The detections of the log that ``key``, ``outcome``, ``label``, ``since`` and ``until``
        choose, the newest first; without ``since``, those of the last 24 hours.
        """
        query = dict(asked)
        while True:
            answer = self._ask("GET", f"/detections?{urllib.parse.urlencode(query)}")
            yield from map(_result, answer["detections"])
            if "next" not in answer:
                return
            query["next"] = answer["next"]

    # --- Asking -----------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        """The answer, asked for again and again while that may help."""

        def once(*, may_renew: bool = True) -> dict[str, Any]:
            token = self._valid_token()
            headers = {"Authorization": f"Bearer {token}"}
            if body is not None:
                headers["Content-Type"] = "application/octet-stream"
            try:
                return _answer(f"{self._url}{path}", method, headers, body)
            except ApiError as error:
                if error.status != 401 or not may_renew:
                    raise
                with self._lock:
                    if token == self._token:
                        self._token = ""
                return once(may_renew=False)

        return self._patiently(once)

    def _patiently(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        end_s, pause_s = self._now_s() + self._patience_s, ASK_AGAIN_S
        while True:
            wait_s = self._not_before_s - self._now_s()
            if wait_s > 0:
                self._pause(wait_s)
            try:
                return ask()
            except ApiError as error:
                after_s = error.retry_after_s or pause_s
                is_for_good = error.status not in _PASSES or error.code == _NO_HOST
                if is_for_good or self._now_s() + after_s > end_s:
                    raise
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                with self._lock:
                    self._not_before_s = max(self._not_before_s, self._now_s() + after_s)

    def _valid_token(self) -> str:
        """One that works for a minute more; Cognito bills each, so that all threads share it."""
        with self._lock:
            if not self._token or self._now_s() > self._token_ends_s:
                if not self._token_url:
                    config = _answer(f"{self._url}/config.json", "GET", {}, None)
                    self._token_url = f"{config['sign_in_url']}/oauth2/token"
                headers = {
                    "Authorization": self._proof,
                    "Content-Type": "application/x-www-form-urlencoded",
                }
                asked_s = self._now_s()
                form = b"grant_type=client_credentials"
                granted = _answer(self._token_url, "POST", headers, form)
                self._token = str(granted["access_token"])
                self._token_ends_s = asked_s + float(granted["expires_in"]) - 60
            return self._token


def _answer(
    url: str, method: str, headers: Mapping[str, str], body: bytes | None
) -> dict[str, Any]:
    """The answer to one request. Raises ApiError."""
    request = urllib.request.Request(url, body, dict(headers), method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=ANSWERS_WITHIN_S) as answer:  # noqa: S310
            content = answer.read()
    except urllib.error.HTTPError as error:
        raise _refused(error) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None)
        if isinstance(reason, socket.gaierror) and reason.errno != _FOR_THE_MOMENT:
            host = urllib.parse.urlsplit(url).hostname
            told = f"There is no host {host}: the address may be mistyped ({reason.strerror})."
            raise ApiError(0, _NO_HOST, told) from error
        raise ApiError(0, "NotReached", f"{url} does not answer: {error}") from error
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ApiError(0, "NotReached", f"{url} gives no JSON: something else answers there.")
    return found


def _refused(error: urllib.error.HTTPError) -> ApiError:
    """The API's own words, those of API Gateway before it, or Cognito's."""
    try:
        said = json.loads(error.read())
    except (OSError, ValueError, http.client.HTTPException):
        said = {}
    said = said if isinstance(said, dict) else {}
    told = said.get("error")
    if not isinstance(told, dict) or not {"code", "message"} <= told.keys():
        told = None if isinstance(told, dict) else told
        reason = str(told or said.get("message") or error.reason)
        if reason == "invalid_client":
            reason = (
                "There is no program of this id, or the secret is not its own: labelloop clients "
                "list shows which there are, and rotate gives another secret."
            )
        told = {"code": "NotAllowed" if error.code in {400, 401, 403} else "Failed"}
        told["message"] = reason
    after = error.headers.get("Retry-After", "")
    after_s = float(after) if after.isdecimal() else None
    return ApiError(error.code, str(told["code"]), str(told["message"]), after_s)


def _result(answer: Mapping[str, Any]) -> Result:
    if "outcome" not in answer:
        raise ApiError(0, "NotReached", "The answer tells of no detection: something else answers.")
    return Result(
        outcome=answer["outcome"],
        label=answer.get("label"),
        confidence_pct=answer.get("confidence_pct"),
        labels=_labels(answer.get("labels", ())),
        detection_id=answer.get("detection_id"),
        decided_by=answer.get("decided_by"),
        final_labels=_labels(answer.get("final_labels", ())),
        agreement=answer.get("agreement"),
        answer=answer,
    )


def _labels(told: Iterable[Mapping[str, Any]]) -> tuple[Label, ...]:
    return tuple(
        Label(
            name=one["name"],
            confidence_pct=one.get("confidence_pct"),
            chance_pct=one.get("chance_pct"),
            box=Box(*(one["box"][side] for side in _SIDES)) if one.get("box") else None,
        )
        for one in told
    )


_SIDES = ("left", "top", "width", "height")
