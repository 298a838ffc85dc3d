"""The sign-in of a smoke test: a new reviewer, the page's forms, and the code's exchange.

The forms are Cognito's own, and nobody has promised what is in them: they are read and sent as a
browser without scripts would. Where that leads nowhere, a person at a terminal may sign in by hand.
"""

import base64
import contextlib
import hashlib
import json
import secrets
import sys
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import click
import urllib3

from labelloop.domain.review_tasks import REVIEWERS

from .. import terminal
from ..failures import CommandError
from ..reviewers import group_name, is_others_pool, temporary_password
from .run import Run

MOST_PAGES = 8
"""On the way to the code: redirections and forms."""


class NotKnownError(Exception):
    """The step can be tried by a person only."""


def look(run: Run) -> list[str]:
    """Make a reviewer, sign in as them, exchange the code and ask the API."""
    page = run.stack.output("ConsoleUrl")
    config = _read_config(page)
    if is_others_pool(run.stack):
        raise NotKnownError(
            "The user pool is not the stack's own, and gets no person for a test. Sign in "
            f"yourself: labelloop reviewers add EMAIL, then open {page}"
        )
    name, password = _add_reviewer(run)
    try:
        return _sign_in(run, page, config, name, password)
    finally:
        remove_reviewer(run)


def _sign_in(run: Run, page: str, config: Mapping[str, str], name: str, password: str) -> list[str]:
    browser = _Browser()
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    address = _authorize(config, page, verifier, state)
    code = browser.code_for(address, page, state, {"username": name, "password": password})
    if code is None:
        return _by_hand(run, page, name, password)
    tokens = _exchanged(config, page, code, verifier)
    answer = _ask(
        "GET",
        run.stack.output("ApiUrl").rstrip("/") + "/review/summary",
        headers={"Authorization": f"Bearer {tokens['id_token']}"},
    )
    if answer.status != 200:
        raise CommandError(f"The API answers a reviewer who has signed in with {answer.status}.")
    return ["A new reviewer has signed in, and the API takes the token."]


def _read_config(page: str) -> Mapping[str, str]:
    there = _ask("GET", page)
    if there.status != 200 or b"<html" not in there.data:
        raise CommandError(f"The review page answers with {there.status}.")
    config: Mapping[str, str] = json.loads(_ask("GET", urljoin(page, "config.json")).data)
    return config


def _add_reviewer(run: Run) -> tuple[str, str]:
    cognito, pool = run.stack.client("cognito-idp"), run.stack.output("UserPoolId")
    group = group_name(run.stack, REVIEWERS)
    # example.com is nobody's: no mail is sent, and none would arrive.
    name, password = f"smoke-{secrets.token_hex(6)}@example.com", temporary_password()
    run.note(reviewer=name)
    cognito.admin_create_user(
        UserPoolId=pool,
        Username=name,
        MessageAction="SUPPRESS",
        UserAttributes=[
            {"Name": "email", "Value": name},
            {"Name": "email_verified", "Value": "true"},
        ],
    )
    cognito.admin_set_user_password(
        UserPoolId=pool, Username=name, Password=password, Permanent=True
    )
    cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)
    return name, password


def remove_reviewer(run: Run) -> None:
    """Remove the run's reviewer, if it has one."""
    name = run.kept.get("reviewer")
    if name is None:
        return
    cognito = run.stack.client("cognito-idp")
    with contextlib.suppress(cognito.exceptions.UserNotFoundException):
        cognito.admin_delete_user(UserPoolId=run.stack.output("UserPoolId"), Username=name)
    run.note(reviewer=None)


def _authorize(config: Mapping[str, str], page: str, verifier: str, state: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": config["client_id"],
        "redirect_uri": page,
        "scope": "openid email profile",
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    return f"{config['sign_in_url']}/oauth2/authorize?{urlencode(asked)}"


def _exchanged(config: Mapping[str, str], page: str, code: str, verifier: str) -> dict[str, str]:
    form = {
        "grant_type": "authorization_code",
        "client_id": config["client_id"],
        "code": code,
        "redirect_uri": page,
        "code_verifier": verifier,
    }
    answer = _ask("POST", f"{config['sign_in_url']}/oauth2/token", form)
    if answer.status != 200:
        raise CommandError(
            f"The code is not exchanged: {answer.status} {answer.data.decode(errors='replace')}"
        )
    return dict(json.loads(answer.data))


def _by_hand(run: Run, page: str, name: str, password: str) -> list[str]:
    if run.kept.get("unattended") or not sys.stdin.isatty():
        raise NotKnownError(
            "The sign-in page is there, but can be filled in by a person only. Sign in yourself: "
            "labelloop reviewers add EMAIL; or run labelloop smoke without --yes at a terminal."
        )
    terminal.say(f"Sign in at {page}\n  as       {name}\n  password {password}", err=True)
    if click.confirm(
        "Does the page say that there is nothing to review, or show images?", err=True
    ):
        return ["A person has signed in as a new reviewer, and has seen the page."]
    raise CommandError("A person could not sign in at the page.")


# --- What a browser does --------------------------------------------------------------------------


def _ask(
    method: str,
    address: str,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    more = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
    try:
        return urllib3.request(
            method,
            address,
            body=urlencode(form) if form is not None else None,
            # The page is sent compressed or not at all.
            headers={"Accept-Encoding": "gzip", **more, **(headers or {})},
            redirect=False,
            retries=urllib3.Retry(2, redirect=False, status=0),
            timeout=30.0,
        )
    except urllib3.exceptions.HTTPError as error:
        where = urlsplit(address)
        raise CommandError(f"{where.scheme}://{where.netloc} does not answer: {error}") from error


class _Browser:
    """Follows redirections, keeps cookies, and sends the forms that ask for what it knows."""

    def __init__(self) -> None:
        self._cookies: dict[str, str] = {}

    def code_for(self, address: str, page: str, state: str, known: Mapping[str, str]) -> str | None:
        """The code with which the page is called back; None where the forms lead nowhere."""
        form: Mapping[str, str] | None = None
        sent: set[frozenset[str]] = set()
        for _ in range(MOST_PAGES):
            if address.startswith(page):
                return _code_in(address, state)
            answer = self._open(address, form)
            if 300 <= answer.status < 400 and "location" in answer.headers:
                address, form = urljoin(address, answer.headers["location"]), None
                continue
            if answer.status != 200:
                raise CommandError(
                    f"The sign-in page answers with {answer.status}: its domain, or the style of "
                    "the client, is not there."
                )
            found = _form_in(answer.data.decode(errors="replace"), known)
            if found is None or found.names in sent:
                return None
            sent.add(found.names)
            address, form = urljoin(address, found.action or address), found.filled(known)
        return None

    def _open(self, address: str, form: Mapping[str, str] | None) -> Any:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Cookie": cookies} if cookies else {}
        answer = _ask("GET" if form is None else "POST", address, form, headers)
        for cookie in answer.headers.getlist("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name.strip()] = value
        return answer


def _code_in(address: str, state: str) -> str:
    answer = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    if answer.get("state") != state or "code" not in answer:
        raise CommandError(
            f"The sign-in came back without a code: {answer.get('error', 'no reason was given')}"
        )
    return answer["code"]


class _Form:
    """A form of a page."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.fields: dict[str, str] = {}

    @property
    def names(self) -> frozenset[str]:
        """What it asks for."""
        return frozenset(self.fields)

    def filled(self, known: Mapping[str, str]) -> dict[str, str]:
        """What it sends."""
        return {name: known.get(name, value) for name, value in self.fields.items()}


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(_Form(given.get("action", "")))
        elif tag == "input" and self.forms and given.get("name"):
            self.forms[-1].fields[given["name"]] = given.get("value", "")


def _form_in(text: str, known: Mapping[str, str]) -> _Form | None:
    """The form that asks for one of what is known; None where there is none."""
    reader = _Forms()
    reader.feed(text)
    return next((form for form in reader.forms if form.names & known.keys()), None)
