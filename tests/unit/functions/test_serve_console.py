"""ServeConsole: the page's files, what browsers are told about them, and nothing else."""

import base64
import gzip
import json
from typing import Any

import pytest

from functions.serve_console.app import ASSETS, NOTICE, lambda_handler
from tests.unit import api
from tests.unit.account import Account, Context, Json, event


def _ask(case: str, name: str = "", **headers: str) -> Json:
    request = event(f"serve_console.{case}")
    request["headers"].update(headers)
    if name:
        request["pathParameters"]["name"] = name
    answer: Json = lambda_handler(request, Context())
    return answer


def _text(answer: Json) -> str:
    body: str = answer["body"]
    return gzip.decompress(base64.b64decode(body)).decode() if answer["isBase64Encoded"] else body


def test_the_page_loads_files_that_are_there(account: Account) -> None:
    page = _text(_ask("page"))

    assert '<div id="root">' in page
    named = [name for name in ASSETS if f"./assets/{name}" in page]
    assert {name.rsplit(".", 1)[-1] for name in named} == {"js", "css"}


@pytest.mark.parametrize("name", sorted(set(ASSETS) - {NOTICE}))
def test_files_are_kept_for_good_and_the_page_is_asked_for_each_time(
    account: Account, name: str
) -> None:
    asset, page = _ask("asset", name), _ask("page")

    assert asset["headers"]["Cache-Control"] == "public, max-age=31536000, immutable"
    assert page["headers"]["Cache-Control"] == "no-cache"
    assert asset["headers"]["Content-Type"].split(";")[0] in {"text/javascript", "text/css"}
    assert _text(asset)


def test_the_licences_of_what_the_page_is_built_of_come_with_it(account: Account) -> None:
    answer = _ask("asset", NOTICE)

    assert answer["headers"]["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["headers"]["Cache-Control"] == "no-cache"
    assert "Permission is hereby granted" in _text(answer)


def test_a_browser_that_has_the_page_is_not_sent_it_again(account: Account) -> None:
    tag = _ask("page")["headers"]["ETag"]

    answer = _ask("page", **{"if-none-match": f"W/{tag}"})

    assert (answer["statusCode"], answer["body"]) == (304, "")
    assert _ask("page", **{"if-none-match": '"other"'})["statusCode"] == 200


@pytest.mark.parametrize("name", ["", *ASSETS])
@pytest.mark.parametrize(
    "accepted",
    ["identity", "", "br, deflate", "gzip;q=0", "gzip; q=0.00, br", "*;q=0", "x-gzipped"],
)
def test_who_takes_no_gzip_is_sent_a_few_bytes_that_say_how_to_ask(
    account: Account, name: str, accepted: str
) -> None:
    answer = _ask("asset" if name else "page", name, **{"accept-encoding": accepted})

    assert answer["statusCode"] == 406
    assert "curl --compressed" in answer["body"]
    assert "Content-Encoding" not in answer["headers"]
    assert answer["headers"]["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("accepted", ["gzip", "br, GZIP;q=0.5", "*", "identity;q=0, *;q=0.001"])
def test_who_takes_gzip_in_any_words_is_sent_it(account: Account, accepted: str) -> None:
    answer = _ask("page", **{"accept-encoding": accepted})

    assert answer["headers"]["Content-Encoding"] == "gzip"
    assert '<div id="root">' in _text(answer)


def test_without_the_header_that_says_so_nothing_large_is_sent(account: Account) -> None:
    request = event("serve_console.page")
    request["headers"].pop("accept-encoding")

    assert lambda_handler(request, Context())["statusCode"] == 406


def test_the_page_is_told_where_to_sign_in(account: Account) -> None:
    assert json.loads(_ask("config")["body"]) == {
        "client_id": "4l5m6n7o8p9q0r1s2t3u4v5w6x",
        "issuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
        "sign_in_url": "https://label-loop-1.auth.eu-west-1.amazoncognito.com",
        "stack": "label-loop",
    }


@pytest.mark.parametrize("name", ["", "../../app.py", "..", "index.html", "x.js.gz", "\0"])
def test_names_that_are_no_files_of_the_page_are_not_found(account: Account, name: str) -> None:
    answer = _ask("no_asset", name)

    assert answer["statusCode"] == 404
    assert "import" not in answer["body"]


@pytest.mark.parametrize("case", ["page", "config", "no_asset"])
def test_every_answer_tells_browsers_to_be_careful(account: Account, case: str) -> None:
    headers: dict[str, Any] = _ask(case)["headers"]
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))

    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["connect-src"].split()[1:] == [
        "https://label-loop-1.auth.eu-west-1.amazoncognito.com"
    ]
    assert "https://bucket.s3.eu-west-1.amazonaws.com" in policy["img-src"].split()
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_programs_get_the_apis_description_as_that_of_the_one_they_ask(account: Account) -> None:
    answer = _ask("openapi")
    told = json.loads(answer["body"])
    assert answer["headers"]["Content-Type"] == "application/json"
    assert told["paths"] == api.document()["paths"]
    assert told["servers"] == [{"url": "/"}]
    flow = told["components"]["securitySchemes"]["machine"]["flows"]["clientCredentials"]
    assert flow["tokenUrl"].endswith("/oauth2/token") and "example" not in flow["tokenUrl"]
