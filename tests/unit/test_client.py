"""The program's way to the API, against one that answers as it is told."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from labelloop.client import LOOK_EVERY_S, ApiError, Box, Image, LabelLoop

ROOT = Path(__file__).parents[2]
CONFIDENT = {
    "outcome": "confident",
    "version": "v1",
    "label": "gear",
    "confidence_pct": 98.5,
    "labels": [{"name": "gear", "confidence_pct": 98.5}],
}
Answer = tuple[int, Any, dict[str, str]]


class Api:
    """What answers, and a clock that only pauses move."""

    def __init__(self) -> None:
        self.coming: dict[str, list[Answer]] = {}
        """What is answered to a path, one after the other; then for ever the last."""
        self.asked: list[tuple[str, str, bytes]] = []
        self.tokens = 0
        self.lifetime_s = 3600
        self.pauses: list[float] = []
        self.now_s = 1000.0
        api = self

        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, content, headers = api.answer(
                    self.path, self.headers.get("Authorization", ""), body
                )
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(
                    content if isinstance(content, bytes) else json.dumps(content).encode()
                )

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.lock = threading.Lock()

    def answer(self, path: str, proof: str, body: bytes) -> Answer:
        with self.lock:
            if path == "/config.json":
                return 200, {"sign_in_url": f"{self.url}/sign-in"}, {}
            if path == "/sign-in/oauth2/token":
                assert body == b"grant_type=client_credentials"
                if proof != "Basic aWQ6c2VjcmV0":
                    return 400, {"error": "invalid_client"}, {}
                self.tokens += 1
                token = f"token-{self.tokens}"
                return 200, {"access_token": token, "expires_in": self.lifetime_s}, {}
            self.asked.append((path, proof, body))
            answers = self.coming[path]
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def pause(self, seconds: float) -> None:
        with self.lock:
            self.pauses.append(seconds)
            self.now_s += seconds

    def loop(self, proof: str = "secret") -> LabelLoop:
        return LabelLoop(self.url, "id", proof, pause=self.pause, now_s=lambda: self.now_s)


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


DETECT = "/detect?log=false"


def refusal(status: int, code: str, after: str = "") -> Answer:
    headers = {"Retry-After": after} if after else {}
    return status, {"error": {"code": code, "message": f"because {code}"}}, headers


def test_a_file_is_sent_and_the_answer_has_types(api: Api, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"an image")
    box = {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
    answer = {**CONFIDENT, "labels": [{"name": "gear", "confidence_pct": 98.5, "box": box}]}
    api.coming[DETECT] = [(200, answer, {})]
    result = api.loop().detect(tmp_path / "a.jpg")
    assert (result.outcome, result.label, result.confidence_pct) == ("confident", "gear", 98.5)
    assert result.labels[0].box == Box(0.1, 0.2, 0.3, 0.4)
    assert result.answer == answer
    assert api.asked == [(DETECT, "Bearer token-1", b"an image")]


def test_a_token_is_kept_as_long_as_it_works(api: Api) -> None:
    api.coming[DETECT] = [(200, CONFIDENT, {})]
    loop = api.loop()
    loop.detect(b"a")
    api.now_s += 3500
    loop.detect(b"a")
    assert api.tokens == 1
    api.now_s += 60
    loop.detect(b"a")
    assert api.tokens == 2


def test_a_token_that_is_taken_no_more_is_renewed_once(api: Api) -> None:
    api.coming[DETECT] = [(401, {"message": "Unauthorized"}, {}), (200, CONFIDENT, {})]
    assert api.loop().detect(b"a").label == "gear"
    assert [proof for _, proof, _ in api.asked] == ["Bearer token-1", "Bearer token-2"]
    api.coming[DETECT] = [(401, {"message": "Unauthorized"}, {})]
    with pytest.raises(ApiError) as caught:
        api.loop().detect(b"a")
    assert (caught.value.status, api.tokens) == (401, 4)


def test_a_wrong_secret_says_what_to_do(api: Api) -> None:
    with pytest.raises(ApiError, match="labelloop clients list") as caught:
        api.loop("wrong").detect(b"a")
    assert (caught.value.status, caught.value.code) == (400, "NotAllowed")
    assert api.asked == []


def test_what_is_too_fast_is_asked_again_when_the_api_says(api: Api) -> None:
    api.coming[DETECT] = [refusal(429, "Throttled", "7"), (200, CONFIDENT, {})]
    assert api.loop().detect(b"a").label == "gear"
    assert api.pauses == [7]


def test_where_nobody_says_when_the_pauses_grow(api: Api) -> None:
    busy: Answer = (429, {"message": "Too Many Requests"}, {})
    api.coming[DETECT] = [busy, busy, (500, b"<html>", {}), (200, CONFIDENT, {})]
    assert api.loop().detect(b"a").label == "gear"
    assert api.pauses == [1, 2, 4]


def test_after_no_time_is_no_pause_that_an_api_means(api: Api) -> None:
    api.coming[DETECT] = [refusal(503, "ServiceFailed", "0")] * 2 + [(200, CONFIDENT, {})]
    assert api.loop().detect(b"a").label == "gear"
    assert api.pauses == [1, 2]


@pytest.mark.parametrize("content", [b"<html>sign in</html>", b"[]", b"", b'"a"'])
def test_what_is_no_answer_of_the_api_is_an_error_as_others(api: Api, content: bytes) -> None:
    """As proxies give them, which stand between."""
    api.coming[DETECT] = [(200, content, {}), (502, content, {}), (200, CONFIDENT, {})]
    (told,) = list(api.loop().detect_many([b"a"]))
    assert not isinstance(told[1], Exception) and told[1].label == "gear"
    api.coming[DETECT] = [(403, {"error": {"code": "Blocked"}}, {})]
    (told,) = list(api.loop().detect_many([b"a"]))
    assert isinstance(told[1], ApiError) and (told[1].status, told[1].code) == (403, "NotAllowed")


def test_json_of_something_else_is_no_result(api: Api) -> None:
    api.coming[DETECT] = [(200, {}, {})]
    with pytest.raises(ApiError, match="something else answers"):
        api.loop().detect(b"a")


def test_one_image_is_not_taken_for_many(api: Api) -> None:
    with pytest.raises(TypeError, match="detect takes one"):
        list(api.loop().detect_many("a.jpg"))


def test_what_takes_longer_than_the_patience_is_told_at_once(api: Api) -> None:
    api.coming[DETECT] = [refusal(429, "ApiImagesSpent", "40000")]
    with pytest.raises(ApiError) as caught:
        api.loop().detect(b"a")
    assert (caught.value.code, caught.value.retry_after_s) == ("ApiImagesSpent", 40000)
    assert api.pauses == []


def test_what_is_refused_for_good_is_not_asked_again(api: Api) -> None:
    api.coming[DETECT] = [refusal(422, "InvalidImage")]
    with pytest.raises(ApiError, match="because InvalidImage"):
        api.loop().detect(b"a")
    assert len(api.asked) == 1


def test_nobody_at_the_address_is_an_error_after_the_patience() -> None:
    pauses: list[float] = []
    loop = LabelLoop(
        "http://127.0.0.1:9", "id", "secret", pause=pauses.append, now_s=lambda: sum(pauses)
    )
    with pytest.raises(ApiError) as caught:
        loop.detect(b"a")
    assert (caught.value.status, caught.value.code) == (0, "NotReached")
    assert 200 < sum(pauses) <= 300


@pytest.mark.parametrize(
    ("errno", "code", "again"),
    [(socket.EAI_NONAME, "NoSuchHost", False), (socket.EAI_AGAIN, "NotReached", True)],
)
def test_a_host_that_does_not_exist_is_not_asked_for_again(
    api: Api, monkeypatch: pytest.MonkeyPatch, errno: int, code: str, again: bool
) -> None:
    """Where names cannot be looked up for the moment, it is."""

    def resolve(*_: Any, **__: Any) -> None:
        raise socket.gaierror(errno, "said so")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    loop = LabelLoop(
        "https://mistyped.test", "id", "secret", pause=api.pause, now_s=lambda: api.now_s
    )

    with pytest.raises(ApiError, match=r"mistyped\.test.*said so") as caught:
        loop.detect(b"a")

    assert (caught.value.status, caught.value.code, bool(api.pauses)) == (0, code, again)
    assert ("may be mistyped" in str(caught.value)) is not again


def test_many_images_keep_their_order_and_one_that_is_refused_stops_no_other(
    api: Api, tmp_path: Path
) -> None:
    api.coming["/detect?log=true"] = [
        (200, CONFIDENT, {}),
        refusal(422, "InvalidImage"),
        (200, {**CONFIDENT, "label": "last"}, {}),
    ]
    images: list[Image] = [b"first", tmp_path / "missing.jpg", b"broken", b"last"]
    told = list(api.loop().detect_many(images, log=True, at_once=1))
    assert [image for image, _ in told] == images
    first, missing, broken, last = (found for _, found in told)
    assert not isinstance(first, Exception) and first.label == "gear"
    assert isinstance(missing, FileNotFoundError)
    assert isinstance(broken, ApiError) and broken.code == "InvalidImage"
    assert not isinstance(last, Exception) and last.label == "last"


def test_of_many_images_only_those_under_way_are_read(api: Api) -> None:
    api.coming[DETECT] = [(200, CONFIDENT, {})]
    taken: list[int] = []

    def images() -> Iterator[bytes]:
        for number in range(1000):
            taken.append(number)
            yield b"image"

    many = api.loop().detect_many(images(), at_once=2)
    next(many)
    many.close()  # type: ignore[attr-defined]
    assert len(taken) <= 4


REVIEW = {"outcome": "review", "detection_id": "d1", "human_loop": "h", "decided_by": None}


def test_a_result_is_waited_for_until_people_have_said_it(api: Api) -> None:
    waiting = {"outcome": "waiting", "detection_id": "d1", "decided_by": None}
    decided = {
        **REVIEW,
        "agreement": "decided",
        "decided_by": "people",
        "final_labels": [{"name": "gear"}],
    }
    api.coming["/detections/d1"] = [(200, waiting, {}), (200, REVIEW, {}), (200, decided, {})]
    result = api.loop().result("d1", wait=True)
    assert (result.decided_by, [label.name for label in result.final_labels]) == (
        "people",
        ["gear"],
    )
    assert api.pauses == [LOOK_EVERY_S] * 2


@pytest.mark.parametrize(
    "more",
    [
        {"agreement": "undecided"},
        {"review_problem": "no answer could be read"},
        {"outcome": "deferred", "human_loop": None},
        {"outcome": "rejected", "human_loop": None},
        {"outcome": "confident", "decided_by": "model"},
    ],
)
def test_what_nobody_will_decide_is_not_waited_for(api: Api, more: dict[str, Any]) -> None:
    api.coming["/detections/d1"] = [(200, {**REVIEW, **more}, {})]
    assert not api.loop().result("d1", wait=True).is_open
    assert api.pauses == []


def test_waiting_ends_when_it_is_said(api: Api) -> None:
    api.coming["/detections/d1"] = [(200, REVIEW, {})]
    assert api.loop().result("d1").is_open
    with pytest.raises(TimeoutError, match="still review"):
        api.loop().result("d1", wait=True, timeout_s=35)
    assert sum(api.pauses) <= 35


def test_all_pages_of_results_are_told(api: Api) -> None:
    api.coming["/detections?label=gear"] = [(200, {"detections": [], "next": "n1"}, {})]
    page = {"detections": [{**CONFIDENT, "detection_id": "d1"}]}
    api.coming["/detections?label=gear&next=n1"] = [(200, page, {})]
    assert [one.detection_id for one in api.loop().results(label="gear")] == ["d1"]


def test_it_needs_nothing_but_python() -> None:
    script = (
        "import sys; import labelloop.client; "
        "own = {name.partition('.')[0] for name in sys.modules}; "
        "print(own - sys.stdlib_module_names - {'__main__'})"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {LAYER!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "{'labelloop'}"


LAYER = str(ROOT / "layers/common")
