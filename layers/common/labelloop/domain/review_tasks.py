"""A review task: one image, as many people as it takes, and who has it now.

All of it is values: a task and what happens to it make the task that is stored next. The gateway
stores a task only over the one it read, so two people never take the same slot.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from labelloop.domain import consensus
from labelloop.domain.human_loops import Answer
from labelloop.errors import InvalidRequestError

OPEN_QUEUE = "open"
"""The queue of the tasks that wait for somebody; a finished task is in none."""
LEASE = timedelta(minutes=5)
"""How long a person may look at an image before somebody else gets it."""


@dataclass(frozen=True)
class Given:
    """An answer that somebody gave."""

    label: str | None
    accepted: datetime
    submitted: datetime


@dataclass(frozen=True)
class Claim:
    """Somebody is looking at the image."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class ReviewTask:
    """One image that people are asked about. Workers are named by their ``sub``."""

    task_id: str
    """The human loop's name."""
    detection_id: str
    bucket: str
    key: str
    version_id: str | None
    suggested_label: str | None
    suggested_confidence_pct: float | None
    wanted: int
    """How many people are asked; one more where they do not agree."""
    created: datetime
    answers: Mapping[str, Given]
    claims: Mapping[str, Claim]
    finished: bool = False
    """Whether its answers have been handed on."""
    revision: int = 0

    @property
    def complete(self) -> bool:
        """Whether nobody else needs to be asked."""
        return consensus.is_complete(self._answers(), self.wanted)

    def _answers(self) -> list[Answer]:
        return [Answer(worker, given.label) for worker, given in self.answers.items()]

    def _live_claims(self, now: datetime) -> dict[str, Claim]:
        return {worker: claim for worker, claim in self.claims.items() if claim.until > now}

    def _free_slots(self, now: datetime) -> int:
        asked = max(self.wanted, len(self.answers) + 1)
        return asked - len(self.answers) - len(self._live_claims(now))

    def available_from(self, now: datetime) -> datetime:
        """From when on somebody may take it: at once, or when the next lease runs out.

        A complete task becomes available too, after a lease: should the process die that hands
        its answers on, whoever takes it next does so.
        """
        if self.complete:
            return now + LEASE
        if self._free_slots(now) > 0:
            return self.created
        return min(claim.until for claim in self._live_claims(now).values())

    def claimable_by(self, worker: str, now: datetime) -> bool:
        """Whether this person may take it now."""
        if self.complete or worker in self.answers:
            return False
        return worker in self._live_claims(now) or self._free_slots(now) > 0

    def claimed(self, worker: str, now: datetime) -> "ReviewTask":
        """The task when this person has taken it, or taken it again."""
        live = self._live_claims(now)
        since = live[worker].since if worker in live else now
        return self._next(claims={**live, worker: Claim(since, now + LEASE)})

    def released(self, worker: str, now: datetime) -> "ReviewTask":
        """The task when this person has given it back."""
        live = self._live_claims(now)
        return self._next(claims={name: claim for name, claim in live.items() if name != worker})

    def answered(self, worker: str, label: str | None, now: datetime) -> "ReviewTask":
        """The task with this person's answer.

        Raises InvalidRequestError when the person has not claimed it, or the lease ran out and
        somebody else has the slot.
        """
        claim = self.claims.get(worker)
        if claim is None:
            raise InvalidRequestError("You have not claimed this task.")
        if claim.until <= now and (self.complete or self._free_slots(now) <= 0):
            raise InvalidRequestError(
                "Your time for this task ran out and somebody else has it now."
            )
        others = {name: kept for name, kept in self._live_claims(now).items() if name != worker}
        given = Given(label, claim.since, now)
        return self._next(answers={**self.answers, worker: given}, claims=others)

    def undone(self, worker: str, now: datetime) -> "ReviewTask":
        """The task without this person's answer, claimed by the same person again.

        Raises InvalidRequestError when the person has given no answer.
        """
        if worker not in self.answers:
            raise InvalidRequestError("You have not answered this task.")
        answers = {name: given for name, given in self.answers.items() if name != worker}
        return replace(self._next(answers=answers), finished=False).claimed(worker, now)

    def handed_on(self) -> "ReviewTask":
        """The task when its answers have been handed on."""
        return replace(self._next(claims={}), finished=True)

    def _next(
        self,
        answers: Mapping[str, Given] | None = None,
        claims: Mapping[str, Claim] | None = None,
    ) -> "ReviewTask":
        return replace(
            self,
            answers=self.answers if answers is None else answers,
            claims=self.claims if claims is None else claims,
        )
