"""ServeConsole: give browsers the review page, and programs the API's description.

Invoked by  the HTTP API, routes ``GET /``, ``GET /config.json``, ``GET /assets/{name}`` and
            ``GET /openapi.json``; nobody is signed in yet
Raises      nothing: what is not there is answered with 404
Idempotent  yes; it only reads the files that lie beside it, which ``make console`` has built

Anybody may ask for them, and what leaves AWS is billed: files of the page are sent compressed or
not at all.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelloop.aws.wiring import wiring
from labelloop.settings import Variable

STATIC = Path(__file__).parent / "static"
DESCRIPTION = Path(__file__).parent / "openapi.json"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
FOR_GOOD = "public, max-age=31536000, immutable"
"""For files whose names change with their content."""
ASK_EACH_TIME = "no-cache"
ONLY_GZIP = (
    "This is sent compressed with gzip only. Ask for it with the header Accept-Encoding: gzip, as "
    "every browser does, and curl --compressed."
)
"""To whoever does not take that: a few bytes."""


@dataclass(frozen=True)
class File:
    """A file of the page, as it is sent: compressed."""

    media_type: str
    content: bytes
    caching: str

    @property
    def tag(self) -> str:
        """What changes with the content."""
        return '"' + hashlib.sha256(self.content).hexdigest()[:32] + '"'


def _read(path: Path, caching: str) -> File:
    return File(MEDIA_TYPES[path.with_suffix("").suffix], path.read_bytes(), caching)


PAGE = _read(STATIC / "index.html.gz", ASK_EACH_TIME)
NOTICE = "NOTICE.txt"
"""The licences of what the page is built of: a name that stays."""
ASSETS = {
    name: _read(path, ASK_EACH_TIME if name == NOTICE else FOR_GOOD)
    for path in STATIC.glob("assets/*.gz")
    for name in [path.name.removesuffix(".gz")]
}
"""Every file that there is: a name that is not among them leads nowhere, whatever is in it."""


def lambda_handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    route = event["routeKey"]
    if route == "GET /config.json":
        return _answer(200, "application/json", ASK_EACH_TIME, json.dumps(_config()))
    if route == "GET /openapi.json":
        return _answer(200, "application/json", ASK_EACH_TIME, json.dumps(_description()))
    name = event.get("pathParameters", {}).get("name")
    file = PAGE if route == "GET /" else ASSETS.get(name)
    if file is None:
        return _answer(404, "text/plain; charset=utf-8", ASK_EACH_TIME, "There is no such file.")
    return _sent(file, event["headers"])


def _config() -> dict[str, str]:
    """What the page must know before anybody has signed in."""
    return {
        "client_id": wiring[Variable.USER_POOL_CLIENT_ID],
        "issuer": wiring[Variable.USER_POOL_ISSUER],
        "sign_in_url": wiring[Variable.SIGN_IN_URL],
        "stack": wiring[Variable.STACK_NAME],
    }


def _description() -> dict[str, Any]:
    """The API's description, as that of the one that is asked."""
    told: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    told["servers"] = [{"url": "/"}]
    flow = told["components"]["securitySchemes"]["machine"]["flows"]["clientCredentials"]
    flow["tokenUrl"] = f"{wiring[Variable.SIGN_IN_URL]}/oauth2/token"
    return told


def _sent(file: File, headers: Mapping[str, str]) -> dict[str, Any]:
    more = {"ETag": file.tag, "Vary": "Accept-Encoding"}
    if file.tag in headers.get("if-none-match", ""):
        return _answer(304, file.media_type, file.caching, "", more)
    if not _takes_gzip(headers.get("accept-encoding", "")):
        return _answer(406, "text/plain; charset=utf-8", ASK_EACH_TIME, ONLY_GZIP, more)
    content = base64.b64encode(file.content).decode()
    packed = {**more, "Content-Encoding": "gzip"}
    answer = _answer(200, file.media_type, file.caching, content, packed)
    return {**answer, "isBase64Encoded": True}


def _takes_gzip(accepted: str) -> bool:
    """Whether the header Accept-Encoding names gzip, or anything, and does not rule it out."""
    weights = {}
    for part in accepted.lower().split(","):
        coding, *parameters = (each.strip() for each in part.split(";"))
        weights[coding] = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    weight = weights.get("gzip", weights.get("*", "0"))
    return weight.strip("0.") != ""


def _answer(
    status: int,
    media_type: str,
    caching: str,
    body: str,
    more: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    headers = {
        "Content-Type": media_type,
        "Cache-Control": caching,
        "Content-Security-Policy": _policy(),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Strict-Transport-Security": "max-age=63072000",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        **(more or {}),
    }
    return {"statusCode": status, "headers": headers, "body": body}


def _policy() -> str:
    """What the page may load and whom it may ask: itself, the images, the sign-in.

    The library that zooms puts a style sheet into the page, which takes 'unsafe-inline'; no script
    is allowed that is not one of the files here.
    """
    parts = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": f"'self' data: blob: {wiring[Variable.IMAGE_ORIGINS]}",
        "connect-src": f"'self' {wiring[Variable.SIGN_IN_URL]}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())
