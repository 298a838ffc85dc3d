"""What the inference log says of the images of `labelloop detect`, and why it says nothing yet."""

import math
import time
from collections.abc import Sequence

from labelloop.aws import detections_by_id, rekognition
from labelloop.aws.rekognition import VersionStatus
from labelloop.domain.detections import Outcome

from .. import ceilings, models, terminal
from ..parallel import bar
from ..stack import Stack
from ..status import DEAD_LETTERS, messages_in
from .batch import FINAL, Batch, Image

LOOKS_WITHOUT_NEWS = 60
"""Ten minutes on AWS: a start of the model may take longer, and was told of."""


def wait(stack: Stack, batch: Batch, timeout_minutes: float | None) -> None:
    """Read the images' records until all are final or the time is over."""
    log = _Log(stack, batch)
    ends_s = time.monotonic() + timeout_minutes * 60 if timeout_minutes else math.inf
    told = False
    looks_without_news = 0
    with bar(len(log.pending), "Detecting") as move_on:
        while log.pending:
            became_final = log.look()
            move_on(became_final)
            looks_without_news = 0 if became_final else looks_without_news + 1
            if not told and any(image.outcome == Outcome.WAITING for image in log.pending):
                told = True
                _say(_why_images_wait())
            elif looks_without_news == LOOKS_WITHOUT_NEWS:
                _say(_what_may_hinder(stack))
            remaining_s = ends_s - time.monotonic()
            if remaining_s <= 0:
                return
            if log.pending:
                time.sleep(min(stack.look_every_s, remaining_s))


class _Log:
    """Reads the records of images that have no final one yet, and no more of them than it must."""

    def __init__(self, stack: Stack, batch: Batch) -> None:
        self._stack = stack
        self._looks = 0
        self.pending = batch.sent()

    def look(self) -> int:
        """How many images have become final."""
        # They are detected more or less in the order of their upload, so behind a hundred without
        # news there is none, most likely; in case there is, each look takes another place, too.
        hundreds = [
            self.pending[start : start + detections_by_id.LOOKED_UP_AT_ONCE]
            for start in range(0, len(self.pending), detections_by_id.LOOKED_UP_AT_ONCE)
        ]
        behind = hundreds[self._read_while_new(hundreds) :]
        self._looks += 1
        if behind:
            self._read_while_new(behind[self._looks % len(behind) :])
        before = len(self.pending)
        self.pending = [image for image in self.pending if image.outcome not in FINAL]
        return before - len(self.pending)

    def _read_while_new(self, hundreds: Sequence[Sequence[Image]]) -> int:
        """How many were read: up to the first without news."""
        for read, images in enumerate(hundreds, start=1):
            if not self._read(images):
                return read
        return len(hundreds)

    def _read(self, images: Sequence[Image]) -> bool:
        """Whether one of the images, up to a hundred, has another outcome than before."""
        by_id = {image.detection_id: image for image in images}
        news = False
        for found in detections_by_id.those(by_id):
            record = found.shown()
            image = by_id[record.detection_id]
            before, image.record = image.outcome, record
            news = news or image.outcome != before
        return news


def _why_images_wait() -> str:
    version = models.serving()
    if version is None:
        reason = (
            "No model serves yet, so the images wait for the first one. To get one: bring labelled "
            "images (labelloop import), then labelloop train."
        )
    else:
        statuses = {known.name: known.status for known in rekognition.listed()}
        status = statuses.get(version, "GONE")
        if status == VersionStatus.STARTING:
            reason = f"Model {version} is starting, and the images wait until it runs."
        elif status == VersionStatus.RUNNING:
            reason = f"The images waited for model {version}, which runs now: their turn comes."
        elif tomorrow := ceilings.why_none_starts():
            reason = f"Model {version} does not run, so the images wait. {tomorrow}."
        else:
            reason = (
                f"Model {version} does not run ({status}), so the images wait. To start it: "
                "labelloop start"
            )
    return f"{reason} (Ctrl-C ends this command and leaves them there.)"


def _what_may_hinder(stack: Stack) -> str:
    dead = messages_in(stack, DEAD_LETTERS["detection"])
    if dead:
        return (
            f"No image has got its result for some time, and {dead} are in the dead-letter queue: "
            "their detection failed. Why, the log of DispatchEvents says; when it is mended: "
            "labelloop redrive detection"
        )
    return "No image has got its result for some time. What may be wrong, labelloop doctor says."


def _say(words: str) -> None:
    """Say something beside the bar, which draws itself anew."""
    terminal.say(words, err=True, over=True)
