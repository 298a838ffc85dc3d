"""A review task: one image, as many people as it takes, and who has it now.

All of it is values: a task and what happens to it make the task that is stored next. The gateway
stores a task only over the one it read, so two people never take the same slot.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any

from labelloop.domain import consensus
from labelloop.domain.annotations import MOST_BOXES, Annotation, ModelType
from labelloop.domain.consensus import Agreement
from labelloop.domain.human_loops import Answer, moment_text
from labelloop.domain.image_labels import Label, found
from labelloop.errors import ConflictError

REVIEWERS, OPERATORS = "reviewers", "operators"
GROUPS = (REVIEWERS, OPERATORS)
"""Of the user pool: whose members may review."""
OPEN_QUEUE = "open"
"""The queue of the tasks that somebody may take at once; a finished task is in none."""
HELD_QUEUE = "held"
"""The queue of those that nobody may take before a lease runs out."""
TASK_ID = "^detection-[0-9a-f]{32}$"
"""What the names of tasks are like: those of their human loops."""
REVIEWERS_QUEUE = "reviewers"
"""Where those are found who have figures."""
QUEUE_INDEX = "by_queue"
REVIEWER = "reviewer#"
"""What the names of their items begin with; their ids follow."""
LEASE = timedelta(minutes=5)
"""How long a person may look at an image before somebody else gets it."""
SKIPPED_FOR = timedelta(hours=1)
"""How long a person who has passed an image by is not asked about it again."""


def suggestion(labels: Sequence[Label], model_type: ModelType) -> tuple[Label, ...]:
    """What reviewers may begin with: what the model found, as much as an answer may have."""
    return tuple(found(labels, model_type)[:MOST_BOXES])


@dataclass(frozen=True)
class Given:
    """An answer that somebody gave."""

    said: Annotation
    accepted: datetime
    submitted: datetime
    unknown: Mapping[str, Any] = field(default_factory=dict)
    """What a later release has written of it: it is kept."""

    def as_json(self) -> dict[str, Any]:
        """The form in which a task keeps it."""
        return {
            **self.unknown,
            **self.said.as_json(),
            "accepted": moment_text(self.accepted),
            "submitted": moment_text(self.submitted),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Given":
        """The answer that ``as_json`` told."""
        known = {"labels", "boxes", "size_px", "accepted", "submitted"}
        return cls(
            Annotation.from_json(stored),
            datetime.fromisoformat(stored["accepted"]),
            datetime.fromisoformat(stored["submitted"]),
            {name: value for name, value in stored.items() if name not in known},
        )


@dataclass(frozen=True)
class Claim:
    """Somebody is looking at the image."""

    since: datetime
    until: datetime
    unknown: Mapping[str, Any] = field(default_factory=dict)
    """What a later release has written of it: it is kept."""

    def as_json(self) -> dict[str, Any]:
        """The form in which a task keeps it."""
        moments = {"since": moment_text(self.since), "until": moment_text(self.until)}
        return {**self.unknown, **moments}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Claim":
        """The claim that ``as_json`` told."""
        return cls(
            datetime.fromisoformat(stored["since"]),
            datetime.fromisoformat(stored["until"]),
            {name: value for name, value in stored.items() if name not in {"since", "until"}},
        )


@dataclass(frozen=True)
class ReviewTask:
    """One image that people are asked about. Workers are named by their ``sub``."""

    task_id: str
    """The human loop's name."""
    detection_id: str
    bucket: str
    key: str
    version_id: str | None
    model_type: ModelType
    suggestion: tuple[Label, ...]
    """What the model found, the surest first."""
    wanted: int
    """How many people are asked; one more where they do not agree."""
    created: datetime
    answers: Mapping[str, Given] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    skipped: Mapping[str, datetime] = field(default_factory=dict)
    """Until when those who passed it by are not asked."""
    finished: bool = False
    """Whether its answers have been handed on."""
    withdrawn: bool = False
    """Whether answers that may have been handed on were taken back, and train still."""
    senders: frozenset[str] = frozenset()
    """Who has sent the image. They judge it where nobody else may; empty where that is unknown."""
    revision: int = 0
    unknown: Mapping[str, Any] = field(default_factory=dict)
    """What a later release has written: it is kept."""

    def as_json(self) -> dict[str, Any]:
        """The form in which it is kept."""
        return {
            **self.unknown,
            "task_id": self.task_id,
            "detection_id": self.detection_id,
            "bucket": self.bucket,
            "key": self.key,
            "version_id": self.version_id,
            "model_type": self.model_type.value,
            "suggestion": [label.as_json() for label in self.suggestion],
            "wanted": self.wanted,
            "created": moment_text(self.created),
            "answers": {worker: given.as_json() for worker, given in self.answers.items()},
            "claims": {worker: claim.as_json() for worker, claim in self.claims.items()},
            "skipped": {worker: moment_text(until) for worker, until in self.skipped.items()},
            "finished": self.finished,
            "withdrawn": self.withdrawn,
            "senders": sorted(self.senders),
            "revision": self.revision,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ReviewTask":
        """The task that ``as_json`` told."""
        return cls(
            task_id=stored["task_id"],
            detection_id=stored["detection_id"],
            bucket=stored["bucket"],
            key=stored["key"],
            version_id=stored.get("version_id"),
            model_type=ModelType(stored["model_type"]),
            suggestion=tuple(Label.from_json(entry) for entry in stored["suggestion"]),
            wanted=stored["wanted"],
            created=datetime.fromisoformat(stored["created"]),
            answers={worker: Given.from_json(entry) for worker, entry in stored["answers"].items()},
            claims={worker: Claim.from_json(entry) for worker, entry in stored["claims"].items()},
            skipped={
                worker: datetime.fromisoformat(until) for worker, until in stored["skipped"].items()
            },
            finished=stored["finished"],
            withdrawn=stored.get("withdrawn", False),
            senders=frozenset(stored.get("senders", ())),
            revision=stored["revision"],
            unknown={name: value for name, value in stored.items() if name not in _KEPT},
        )

    @property
    def complete(self) -> bool:
        """Whether nobody else needs to be asked."""
        return consensus.is_complete(self.said(), self.wanted, self.model_type)

    def said(self) -> list[Answer]:
        """What people have said."""
        return [Answer(worker, given.said) for worker, given in self.answers.items()]

    def _live_claims(self, now: datetime) -> dict[str, Claim]:
        return {worker: claim for worker, claim in self.claims.items() if claim.until > now}

    def _live_skips(self, now: datetime) -> dict[str, datetime]:
        return {worker: until for worker, until in self.skipped.items() if until > now}

    def free_slots(self, now: datetime) -> int:
        """How many more people may look at it."""
        asked = max(self.wanted, len(self.answers) + 1)
        return asked - len(self.answers) - len(self._live_claims(now))

    def held_until(self, now: datetime) -> datetime | None:
        """When it can be taken again: when the next lease runs out; None where it can at once.

        A complete task can be taken again too, after a lease: should the process die that hands
        its answers on, whoever takes it next does so.
        """
        if self.complete:
            return now + LEASE
        if self.free_slots(now) > 0:
            return None
        return min(claim.until for claim in self._live_claims(now).values())

    def held_by(self, worker: str, now: datetime) -> bool:
        """Whether this person is looking at it."""
        return worker in self._live_claims(now)

    def claimable_by(self, worker: str, now: datetime) -> bool:
        """Whether this person may take it now, or take it again."""
        if self.complete or worker in self.answers or worker in self._live_skips(now):
            return False
        return self.held_by(worker, now) or self.free_slots(now) > 0

    def may_be_judged_by(self, worker: str, people: Callable[[], Collection[str]]) -> bool:
        """Whether this person may be asked, of all the people who may review.

        Who has sent the image is not, while there is somebody else who has not answered yet. So a
        second or third person is waited for as the first one is.
        """
        if worker not in self.senders:
            return True
        return set(people()) <= self.senders | self.answers.keys()

    def claimed(self, worker: str, now: datetime) -> "ReviewTask":
        """The task when this person has taken it, or taken it again."""
        live = self._live_claims(now)
        since = live[worker].since if worker in live else now
        return self._next(claims={**live, worker: Claim(since, now + LEASE)})

    def extended(self, worker: str, now: datetime) -> "ReviewTask":
        """The task when this person, who has it, needs longer.

        Raises ConflictError when the person has not claimed it, or the lease ran out and somebody
        else has the slot.
        """
        self._check_holds(worker, now)
        claim = self.claims[worker]
        return self._next(
            claims={**self._live_claims(now), worker: replace(claim, until=now + LEASE)}
        )

    def released(self, worker: str, now: datetime, skip: bool = False) -> "ReviewTask":
        """The task when this person has given it back, or passed it by.

        Others keep what they have, leases that have run out too: they may answer yet, as long as
        nobody has taken their place.
        """
        claims = {name: claim for name, claim in self.claims.items() if name != worker}
        skipped = self._live_skips(now) | ({worker: now + SKIPPED_FOR} if skip else {})
        return replace(self._next(claims=claims), skipped=skipped)

    def answered(self, worker: str, said: Annotation, now: datetime) -> "ReviewTask":
        """The task with this person's answer.

        Raises ConflictError when the person has not claimed it, or the lease ran out and somebody
        else has the slot.
        """
        self._check_holds(worker, now)
        others = {name: kept for name, kept in self._live_claims(now).items() if name != worker}
        given = Given(said, self.claims[worker].since, now)
        return self._next(answers={**self.answers, worker: given}, claims=others)

    def _check_holds(self, worker: str, now: datetime) -> None:
        claim = self.claims.get(worker)
        if claim is None:
            raise ConflictError("You have not claimed this task, or somebody else has it now.")
        if claim.until <= now and (self.complete or self.free_slots(now) <= 0):
            raise ConflictError("Your time for this task ran out and somebody else has it now.")

    def undone(self, worker: str, now: datetime) -> "ReviewTask":
        """The task without this person's answer, claimed by the same person again.

        Raises ConflictError when the person has given no answer, or somebody else, who was asked
        because of it, is looking at the image.
        """
        if worker not in self.answers:
            raise ConflictError("You have not answered this task, or took your answer back.")
        answers = {name: given for name, given in self.answers.items() if name != worker}
        withdrawn = self.complete or self.withdrawn
        without = replace(self._next(answers=answers), finished=False, withdrawn=withdrawn)
        if without.free_slots(now) <= 0:
            raise ConflictError("Somebody else is looking at this image by now.")
        return without.claimed(worker, now)

    def handed_on(self) -> "ReviewTask":
        """The task when its answers have been handed on; that it has none, while it lacks some."""
        claims = {} if self.complete else self.claims
        return replace(self._next(claims=claims), finished=self.complete, withdrawn=False)

    def decided(self) -> Mapping[str, Given]:
        """The answers that may be handed on: all, or none while somebody is still to be asked."""
        return self.answers if self.complete else {}

    @property
    def owes(self) -> bool:
        """Whether something is to be handed on."""
        return self.withdrawn or (self.complete and not self.finished)

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


_KEPT = {each.name for each in fields(ReviewTask)}


# --- Reviewers ------------------------------------------------------------------------------------


def answer_body(said: Annotation, model_type: ModelType) -> dict[str, Any]:
    """What a person says of an image, in the form in which the review API takes it."""
    if not said.labels:
        return {"none": True}
    if model_type is ModelType.CLASSIFICATION:
        return {"label": said.labels[0]}
    if said.size_px is None:
        return {"labels": list(said.labels)}
    size = {"width": said.size_px[0], "height": said.size_px[1]}
    return {"boxes": [asdict(box) for box in said.boxes], "size": size}


@dataclass(frozen=True)
class Figures:
    """How a person's answers compare with what people said together."""

    compared: int = 0
    """Answers to tasks that came to a decision."""
    agreed: int = 0
    """Those of them that were the same as the decision."""

    def __sub__(self, other: "Figures") -> "Figures":
        return Figures(self.compared - other.compared, self.agreed - other.agreed)


NO_FIGURES = Figures()


def figures(task: ReviewTask) -> dict[str, Figures]:
    """What a task counts for in the figures of those who answered it, by worker.

    Only what is finished is compared, and only where more than one person was asked: nobody can
    disagree alone. Who has sent the image is compared with nobody, and nobody with them.
    """
    said = [answer for answer in task.said() if answer.worker not in task.senders]
    together = consensus.of(said, task.model_type)
    if not task.finished or len(said) < 2 or together.agreement is Agreement.UNDECIDED:
        return {}
    return {
        answer.worker: Figures(1, int(consensus.agree(answer.said, together.said)))
        for answer in said
    }


def changed_figures(before: ReviewTask, after: ReviewTask) -> dict[str, Figures]:
    """What is to be added to each person's figures when a task becomes another one."""
    old, new = figures(before), figures(after)
    changes = {
        worker: new.get(worker, NO_FIGURES) - old.get(worker, NO_FIGURES)
        for worker in sorted(old.keys() | new.keys())
    }
    return {worker: change for worker, change in changes.items() if change != NO_FIGURES}
