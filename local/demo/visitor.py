"""What people do with Label Loop, call by call: upload, set parameters, sign in, review, read.

Called by ``story``. Everything goes through the same doors as on AWS: S3, Parameter Store, Cognito,
the tables' gateways and the review API. The one exception is the operator's inbox, which the
embedded runtime keeps, since nobody's mail server is at hand.
"""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any

from labelloop.aws import (
    deployed_version,
    deployment,
    detections_by_time,
    evaluation_reports,
    model_versions,
)
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.evaluation_report import Report
from labelloop.domain.model_versions import VersionRecord
from labelloop.settings import OUTPUTS
from local.demo.failure import DemoError
from local.launch import ROOT, LocalStack
from local.people import add_person

UPLOADS_AT_ONCE = 4
REVIEWER_EMAIL = "demo@example.com"
TRIES = 5
"""So often the API is asked that says it will answer later, as the review page does."""

Record = Mapping[str, Any]


class Visitor:
    """The operator of one stack: whoever has the account's credentials."""

    def __init__(self, stack: LocalStack) -> None:
        self._outputs = stack.outputs
        self._endpoint = stack.endpoint
        self.data_dir = stack.data_dir
        self._s3 = stack.client("s3")
        self._ssm = stack.client("ssm")
        self._cognito = stack.client("cognito-idp")
        self._client = stack.client
        self._time = lambda: float(stack.control("GET", "clock")["epoch_s"])

    def upload(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Put (key, content) into the bucket, some at a time."""

        def put(file: tuple[str, bytes]) -> None:
            self._s3.put_object(Bucket=self._outputs["BucketName"], Key=file[0], Body=file[1])

        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as threads:
            list(threads.map(put, files))

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._outputs["BucketName"]

    def set_parameter(self, name: str, value: str) -> None:
        """Change one of the operator's parameters."""
        self._ssm.put_parameter(
            Name=self._outputs["ParameterPrefix"] + name, Value=value, Overwrite=True
        )

    def detections(self, prefix: str) -> list[DetectionRecord]:
        """The inference log's records of the images whose keys begin so."""
        with self._gateways():
            return list(detections_by_time.under(prefix))

    def versions(self) -> list[VersionRecord]:
        """What is known of every model version, the oldest first."""
        with self._gateways():
            return list(model_versions.known())

    def deployed(self) -> str | None:
        """The version that serves."""
        with self._gateways():
            serving = deployed_version.now()
        return serving.version if serving else None

    def _gateways(self) -> contextlib.AbstractContextManager[None]:
        variables = {str(variable): self._outputs[name] for variable, name in OUTPUTS.items()}
        return deployment.of(variables, lambda service, *_: self._client(service), self._time)

    def report(self, version: str) -> Report:
        """What its evaluation came to, as report.json says."""
        with self._gateways():
            report, _ = evaluation_reports.read(version)
        return report

    def evaluate(self, source: Path, names: Sequence[str]) -> Record:
        """How versions do on labelled pictures that are on this machine."""
        return dict(json.loads(self.command("evaluate", str(source), *names, "--yes", "--json")))

    def command(self, *words: str) -> str:
        """What a ``labelloop`` command prints. Raises DemoError where it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "cli", *words, "--local", "--data-dir", str(self.data_dir)],
            cwd=ROOT,
            # What it keeps on this machine shall end with the demo.
            env={**os.environ, "XDG_CACHE_HOME": str(self.data_dir)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = " ".join(done.stderr.split())[-400:]
            raise DemoError(f"labelloop {' '.join(words)} failed: {said}")
        return done.stdout

    def inbox(self) -> list[Record]:
        """The operator's e-mails, the oldest first."""
        with urllib.request.urlopen(f"{self._endpoint}/_local/mail", timeout=30) as answer:  # noqa: S310 - our own address
            mails: list[Record] = json.load(answer)
        return [mail for mail in mails if mail["topic"] == self._outputs["OperatorTopic"]]

    def add_reviewer(self, email: str = REVIEWER_EMAIL) -> "Reviewer":
        """Create a user who may review, and sign in as that user."""
        pool = self._outputs["UserPoolId"]
        password = f"Aa1-{secrets.token_urlsafe(16)}"
        add_person(self._cognito, pool, email, password, "reviewers")

        def sign_in() -> str:
            answer = self._cognito.admin_initiate_auth(
                UserPoolId=pool,
                ClientId=self._outputs["UserPoolClientId"],
                AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                AuthParameters={"USERNAME": email, "PASSWORD": password},
            )
            return str(answer["AuthenticationResult"]["IdToken"])

        return Reviewer(self._outputs["ApiUrl"], sign_in)


class Reviewer:
    """A signed-in person at the review API, who signs in again when a token has ended."""

    def __init__(self, api_url: str, sign_in: Callable[[], str]) -> None:
        self._api_url = api_url.rstrip("/")
        self._sign_in = sign_in
        self._token = sign_in()

    def waiting(self) -> int:
        """How many tasks wait for an answer."""
        return int(self._ask("GET", "/review/summary")["open"])

    def take(self) -> Record | None:
        """The next task; None when there is none."""
        tasks = self._ask("POST", "/review/tasks/next").get("tasks", [])
        return tasks[0] if tasks else None

    def look(self, task: Record) -> bytes:
        """The task's image, fetched from its address as a browser does."""
        with urllib.request.urlopen(task["image_url"], timeout=30) as answer:  # noqa: S310 - as the API says
            content: bytes = answer.read()
        return content

    def answer(self, task: Record, body: Mapping[str, Any]) -> None:
        """Say what is in the task's image."""
        self._ask("POST", f"/review/tasks/{task['task_id']}/answer", body)

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        renewed: bool = False,
        tries: int = TRIES,
    ) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - our own address
            self._api_url + path,
            method=method,
            data=json.dumps(body or {}).encode() if method == "POST" else None,
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - likewise
                return dict(json.loads(answer.read() or "{}"))
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.UNAUTHORIZED and not renewed:
                self._token = self._sign_in()
                return self._ask(method, path, body, renewed=True)
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE and tries > 1:
                time.sleep(float(error.headers.get("Retry-After", 1)))
                return self._ask(method, path, body, renewed=renewed, tries=tries - 1)
            said = error.read().decode(errors="replace")
            raise DemoError(
                f"The review API answered {method} {path} with {error.code}: {said}"
            ) from error


UNREACHABLE = (OSError, HTTPException)
"""What the calls over HTTP raise when the application is not there any more."""
