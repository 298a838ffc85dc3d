"""Versions asked about pictures, at a pace that the model bears, and without a trace.

Nothing goes into the log or to reviewers. An image is sent along; one that is too large for that
lies in the bucket while it is looked at, in a folder that starts nothing, and is deleted for good
then. Shrunk, it would be another picture than the model is to be tried on.
"""

import contextlib
import queue
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from multiprocessing.pool import ThreadPool
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from labelloop import errors
from labelloop.aws.failures import BY_CODE, code_of, message_of
from labelloop.aws.rekognition import Version, label_of
from labelloop.domain import answers
from labelloop.domain.answers import Answer
from labelloop.domain.image_labels import Label
from labelloop.domain.images import EVALUATED_FOLDER, MAX_REQUEST_BYTES, media_type
from labelloop.domain.pacing import Pace

from .. import files, terminal
from ..failures import CommandError
from ..parallel import WORKERS, bar, concerns_all
from ..stack import Stack
from .borrowed_models import Borrowed
from .kept_answers import Kept
from .labelled_pictures import Picture, S3Place

MOST_REFUSED_IN_A_ROW = 200
"""At the slowest pace, more than six minutes."""
ATTEMPTS = 3
"""With a picture for which the service fails."""
LONGEST_WAIT_S = 1.0
"""For an answer, before Ctrl-C is looked for."""


class End(Enum):
    """What comes of asking about a picture."""

    ANSWERED = auto()
    REFUSED = auto()
    """The service will never take it."""
    FAILED = auto()
    """Another attempt may succeed."""
    TOO_FAST = auto()


@dataclass(frozen=True)
class Said:
    """What came of asking about a picture."""

    picture: Picture
    attempt: int
    begun_s: float
    end: End
    answer: Answer | None = None
    reason: str = ""


@dataclass
class Asked:
    """What a version said."""

    answers: dict[str, Answer] = field(default_factory=dict)
    """By content."""
    new: int = 0
    """How many it was asked for now; the others were kept."""
    refused: dict[str, str] = field(default_factory=dict)
    """Why it takes pictures of these contents never."""
    failed: dict[str, str] = field(default_factory=dict)
    """Why it did not answer about these contents."""


class Round:
    """Which pictures are still to be asked about, and when the next one is due.

    Times are seconds of any one clock.
    """

    def __init__(self, pictures: Iterable[Picture]) -> None:
        self._to_ask = deque((picture, 1) for picture in pictures)
        self._pace = Pace()
        self._running = 0
        self._refused_in_a_row = 0
        self.failure: BaseException | None = None
        """Why it ends early."""

    def goes_on(self) -> bool:
        """Whether there is anything to ask, or to hear."""
        return bool(self._to_ask or self._running)

    def wait_s(self, now_s: float) -> float | None:
        """How long until the next one may be begun; None where others must end first."""
        if not self._to_ask or self._running >= WORKERS:
            return None
        return self._pace.wait_s(now_s)

    def begin(self, now_s: float) -> tuple[Picture, int, float]:
        """The next picture, which attempt it is, and when it begins."""
        self._pace.begun(now_s)
        self._running += 1
        return (*self._to_ask.popleft(), now_s)

    def hear(self, said: "Said | BaseException", now_s: float) -> "Said | None":
        """Take what came of a picture; that is all there is about it, unless it is None."""
        self._running -= 1
        if isinstance(said, BaseException):
            self._end(said)
            return None
        if said.end is End.TOO_FAST:
            self._refused_in_a_row += 1
            self._pace.throttled(said.begun_s, now_s)
            self._to_ask.append((said.picture, said.attempt))
            if self._refused_in_a_row >= MOST_REFUSED_IN_A_ROW:
                self._end(TooBusyError(said.reason))
        else:
            self._refused_in_a_row = 0
            if said.end is not End.FAILED:
                self._pace.succeeded()
            if said.end is not End.FAILED or said.attempt == ATTEMPTS:
                return said
            self._to_ask.append((said.picture, said.attempt + 1))
        if self.failure:
            self._to_ask.clear()
        return None

    def _end(self, failure: BaseException) -> None:
        """Begin nothing more. What is under way is paid for, and is heard."""
        self.failure = self.failure or failure
        self._to_ask.clear()


class Asking:
    """Asks one version, until it has answered about each picture."""

    def __init__(
        self, stack: Stack, version: Version, kept: Kept, borrowed: Borrowed, *, complete: bool
    ) -> None:
        self._stack = stack
        self._version = version
        self._kept = kept
        self._borrowed = borrowed
        self._complete = complete
        self._rekognition = stack.client("rekognition", attempts=1)
        self._uploaded: dict[str, str | None] = {}
        """The versions of the objects that are there now, by key."""

    def ask(self, pictures: Sequence[Picture], asked: Asked) -> None:
        """Ask about pictures, and add what is said, keeping each answer at once.

        Raises CommandError where the version stops, or never has room.
        """
        try:
            with ThreadPool(WORKERS) as threads, bar(len(pictures), self._version.name) as move_on:
                for said in self._paced(threads, pictures):
                    self._take(said, asked)
                    move_on(1)
        except TooBusyError as error:
            raise CommandError(
                f"{self._version.name} takes no more images, as where many come in for detection: "
                f"it refused {MOST_REFUSED_IN_A_ROW} times in a row ({error}). What it has "
                "answered is kept: run the same command again later."
            ) from error
        finally:
            self._remove_uploads()

    def _paced(self, threads: ThreadPool, pictures: Sequence[Picture]) -> Iterator[Said]:
        """What is said of each picture, as it comes."""
        going, heard = Round(pictures), queue.SimpleQueue[Said | BaseException]()
        while going.goes_on():
            self._borrowed.note_work()
            wait_s = going.wait_s(time.monotonic())
            if wait_s == 0.0:
                args = going.begin(time.monotonic())
                threads.apply_async(self._ask, args, {}, heard.put, heard.put)
                continue
            try:
                said = heard.get(timeout=LONGEST_WAIT_S if wait_s is None else wait_s)
            except queue.Empty:
                continue
            done = going.hear(said, time.monotonic())
            if done:
                yield done
        if going.failure:
            raise going.failure

    def _take(self, said: Said, asked: Asked) -> None:
        content = said.picture.content
        if said.answer:
            asked.answers[content] = said.answer
            asked.new += 1
            self._kept.add(said.answer)
        elif said.end is End.REFUSED:
            asked.refused[content] = said.reason
        else:
            asked.failed[content] = said.reason

    # --- One picture, in a thread of its own ------------------------------------------------------

    def _ask(self, picture: Picture, attempt: int, begun_s: float) -> Said:
        def said(end: End, reason: str = "", answer: Answer | None = None) -> Said:
            return Said(picture, attempt, begun_s, end, answer, reason)

        try:
            with self._shown(picture) as image:
                labels = self._detect(image)
        except _UnreadableError as error:
            return said(End.FAILED, str(error))
        except ClientError as error:
            kind, reason = BY_CODE.get(code_of(error)), message_of(error)
            if kind in {errors.ThrottledError, errors.QuotaExceededError}:
                return said(End.TOO_FAST, reason)
            if kind in {errors.InvalidImageError, errors.InvalidRequestError}:
                return said(End.REFUSED, reason)
            if kind in {errors.ServiceFailedError, errors.ObjectUnreadableError}:
                return said(End.FAILED, reason)
            if kind in {errors.ModelNotReadyError, errors.NotFoundError}:
                raise CommandError(
                    f"{self._version.name} was stopped, or another took its place, while it was "
                    "asked. What it has answered is kept: run the same command again."
                ) from error
            raise
        except BotoCoreError as error:
            if concerns_all(error):
                raise
            return said(End.FAILED, f"The answer did not arrive: {error}")
        size_px = picture.truth.size_px
        found = answers.of_labels(picture.content, labels, size_px, complete=self._complete)
        return said(End.ANSWERED, answer=found)

    def _detect(self, image: dict[str, Any]) -> list[Label]:
        # Without a minimum, the service leaves out what is under a label's assumed threshold.
        limits = {"MinConfidence": 0} if self._complete else {}
        answer = self._rekognition.detect_custom_labels(
            ProjectVersionArn=self._version.arn, Image=image, **limits
        )
        return [label_of(entry) for entry in answer["CustomLabels"]]

    # --- The image, and what lies in the bucket meanwhile -----------------------------------------

    @contextlib.contextmanager
    def _shown(self, picture: Picture) -> Iterator[dict[str, Any]]:
        """The image as a request has it. Raises _UnreadableError."""
        if isinstance(picture.place, S3Place) and not picture.as_stored:
            yield {"S3Object": {"Bucket": picture.place.bucket, "Name": picture.place.key}}
            return
        try:
            content = picture.read(self._stack)
            key = self._upload(content) if len(content) > MAX_REQUEST_BYTES else None
        except OSError as error:
            raise _UnreadableError(files.unreadable(error)) from error
        except (ClientError, BotoCoreError) as error:
            if concerns_all(error):
                raise
            raise _UnreadableError(f"S3 refused it: {error}") from error
        if key is None:
            yield {"Bytes": content}
            return
        try:
            yield {"S3Object": {"Bucket": self._stack.output("BucketName"), "Name": key}}
        finally:
            self._remove(key)

    def _upload(self, content: bytes) -> str:
        suffix = "png" if media_type(content) == "image/png" else "jpg"
        key = f"{EVALUATED_FOLDER}{uuid.uuid4().hex}.{suffix}"
        answer = self._stack.client("s3").put_object(
            Bucket=self._stack.output("BucketName"),
            Key=key,
            Body=content,
            ContentType=media_type(content),
        )
        self._uploaded[key] = answer.get("VersionId")
        return key

    def _remove_uploads(self) -> None:
        """Remove what threads that were interrupted have left."""
        for key in list(self._uploaded):
            self._remove(key)
        if self._uploaded:
            terminal.say(
                f"{len(self._uploaded)} images that were too large to be sent along are still in "
                f"the bucket's {EVALUATED_FOLDER}, which forgets them after a day.",
                err=True,
            )

    def _remove(self, key: str) -> None:
        """Delete the object for good: the bucket keeps versions."""
        version = self._uploaded.get(key)
        which = {"VersionId": version} if version else {}
        with contextlib.suppress(ClientError, BotoCoreError):
            self._stack.client("s3").delete_object(
                Bucket=self._stack.output("BucketName"), Key=key, **which
            )
            self._uploaded.pop(key, None)


class TooBusyError(Exception):
    """The model refused again and again; the message is the service's."""


class _UnreadableError(Exception):
    """A picture could not be read or brought to where it is looked at; the message says why."""
