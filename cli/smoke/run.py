"""One run of `labelloop smoke`: what it has made and shown so far, kept in the stack's bucket.

There another terminal, or another machine, finds it: a run that was broken off can be gone on with,
and cleaned up, wherever somebody has the account's credentials.
"""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from labelloop import clock
from labelloop.aws import rekognition
from labelloop.aws.failures import code_of
from labelloop.clock import iso
from labelloop.domain.annotations import ModelType
from labelloop.domain.imports import IMPORTED_MANIFESTS
from labelloop.domain.manifests import DETECTION_FOLDER, LABELLED_FOLDER

from .. import models
from ..failures import CommandError
from ..stack import Stack, model_type

KEY = "evaluation/smoke.json"
MARK = "smoke-"
"""What the names of all files begin with that a run puts into the bucket."""


@dataclass(frozen=True)
class Done:
    """What came of a step."""

    result: str
    found: tuple[str, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"result": self.result, "found": list(self.found), "seconds": self.seconds}


PASSED, FAILED, UNKNOWN, NOT_TRIED = "passed", "failed", "not known", "not tried"


class Run:
    """A run, as its file in the bucket says."""

    def __init__(self, stack: Stack, kept: dict[str, Any]) -> None:
        self.stack = stack
        self.kept = kept

    @classmethod
    def unfinished(cls, stack: Stack) -> "Run | None":
        """The run that has left something; None where there is none."""
        try:
            answer = stack.client("s3").get_object(Bucket=stack.output("BucketName"), Key=KEY)
        except ClientError as error:
            if code_of(error) != "NoSuchKey":
                raise
            return None
        return cls(stack, json.loads(answer["Body"].read()))

    @classmethod
    def begin(cls, stack: Stack) -> "Run":
        """A new run. Raises CommandError where the stack has something to lose."""
        _check_that_nothing_is_lost(stack)
        run = cls(stack, {"begun": iso(clock.now()), "seed": secrets.token_hex(4), "steps": {}})
        try:
            run._write(IfNoneMatch="*")
        except ClientError as error:
            if code_of(error) != "PreconditionFailed":
                raise
            raise CommandError("Another labelloop smoke has just begun: wait for it.") from error
        return run

    @property
    def begun(self) -> str:
        """When."""
        return str(self.kept["begun"])

    @property
    def seed(self) -> str:
        """What its pictures are drawn from, and part of the names of what it makes."""
        return str(self.kept["seed"])

    @property
    def version(self) -> str | None:
        """The version that was trained; None before there is one."""
        version: str | None = self.kept.get("version")
        return version

    @property
    def model_type(self) -> ModelType:
        """What the stack trains."""
        return model_type(self.stack)

    def trained(self) -> str:
        """The version that was trained. Raises CommandError where there is none."""
        if self.version is None:
            raise CommandError("No version was trained.")
        return self.version

    def note(self, **facts: Any) -> None:
        """Keep facts about it, before what they are about is done."""
        self.kept.update(facts)
        self._write()

    def done(self, step: str) -> Done | None:
        """What came of a step; None where it has not been tried."""
        known = self.kept["steps"].get(step)
        return known and Done(known["result"], tuple(known["found"]), known["seconds"])

    def note_done(self, step: str, done: Done) -> None:
        """Keep what came of a step."""
        self.kept["steps"][step] = done.as_json()
        self._write()

    def _write(self, **condition: str) -> None:
        self.stack.client("s3").put_object(
            Bucket=self.stack.output("BucketName"),
            Key=KEY,
            Body=json.dumps(self.kept, indent=2).encode(),
            ContentType="application/json",
            **condition,
        )


def _check_that_nothing_is_lost(stack: Stack) -> None:
    """Raises CommandError unless the stack is as it was deployed.

    What is trained here would be mixed with pictures of machine parts, and a model that serves
    would be replaced by theirs.
    """
    found = [f"the version {record.name}" for record in models.records()[:1]]
    found += [f"the version {version.name}" for version in rekognition.listed()[:1]]
    for folder in (LABELLED_FOLDER, IMPORTED_MANIFESTS, DETECTION_FOLDER):
        listed = stack.client("s3").list_objects_v2(
            Bucket=stack.output("BucketName"), Prefix=folder, MaxKeys=2
        )
        found += [
            entry["Key"] for entry in listed.get("Contents", ()) if not entry["Key"].endswith("/")
        ][:1]
    if found:
        raise CommandError(
            f"The stack {stack.name} is in use: it has {', '.join(dict.fromkeys(found))}. A smoke "
            "test trains and deploys a model of its own, so it wants a stack with nothing in it. "
            "Deploy one of another name for it (sam deploy --stack-name label-loop-smoke), and "
            "name it with --stack-name."
        )
