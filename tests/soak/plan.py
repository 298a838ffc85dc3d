"""What happens in a life: its days, what people do on them, and what goes wrong meanwhile.

All of it comes from the seed and nothing else, so that a life can be had again. Which of the
things that are there an act is about is a number between 0 and 1, since what is there is known only
then.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.places import FAILURES
from tests.images import LABELS

Order = Mapping[str, Any]

AT_FIRST = {
    "Enable-Automatic-Training": "true",
    "Enable-Automatic-Human-Sampling": "true",
    "Human-Sampling-Interval": "3",
    "Minimum-Untrained-Images": "5",
    "Minimum-Label-Detection-Confidence": "40.0",
}
"""So that little is enough to learn from and to sample, and much is doubtful."""
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "Enable-Automatic-Training": ("true", "true", "false"),
    "Automatic-Training-Poll-Frequency": ("60", "600"),
    "Minimum-Untrained-Images": ("3", "8"),
    "Minimum-F1-Score": ("0.50", "0.80"),
    "Minimum-Decides": ("first", "always"),
    "Minimum-Improvement": ("0.00", "-0.50", "0.30"),
    "Minimum-Label-Detection-Confidence": ("15.0", "40.0", "40.0", "90.0"),
    "Enable-A2I-Workflow": ("true", "true", "false"),
    "Enable-Automatic-Human-Sampling": ("true", "false"),
    "Automatic-Human-Sampling-Frequency": ("30", "600"),
    "Human-Sampling-Interval": ("1", "3"),
    "Maximum-Inference-Units": ("1", "3"),
    "Model-Hosting": ("on-demand", "on-demand", "always-on"),
    "Idle-Minutes-Before-Stop": ("5", "30", "120"),
    "Train-On-Sampled-Answers": ("true", "false"),
    "Train-None-Of-The-Above": ("true", "false"),
    "Daily-Review-Budget": ("0", "0", "3"),
    "Maximum-Daily-Model-Hours": ("48", "2"),
    "Maximum-Model-Versions": ("3", "10"),
    "Evaluation-Metric": ("f1", "recall"),
}
"""Values that an operator gives the parameters; those named twice, twice as often."""
OUTCOMES: tuple[Order, ...] = (
    {"outcome": "training_fails", "text": "Something broke."},
    {"outcome": "start_fails"},
    {"outcome": "f1_is_missing"},
)
"""Ends that the service's own work comes to."""
OWN_ACCORD: tuple[Order, ...] = (
    {"service": "events", "operation": "Deliver", "twice": True},
    {"service": "events", "operation": "Deliver", "late_s": 200},
    {"service": "events", "operation": "Deliver", "late_s": 1500, "twice": True},
    {"service": "sqs", "operation": "Deliver", "twice": True},
    # Parameter Store's events are best effort.
    {
        "service": "events",
        "operation": "Deliver",
        "containing": "Parameter Store Change",
        "lost": True,
    },
)
"""What AWS does by itself."""
ANSWERS: tuple[Mapping[str, Any], ...] = (
    *({"label": label} for label in LABELS),
    {"none": True},
)
_ACTS: Mapping[str, int] = {
    "upload": 8,
    "answer": 8,
    "label": 3,
    "replace": 2,
    "junk": 1,
    "delete": 1,
    "unlabel": 1,
    "to_label": 1,
    "undo": 2,
    "skip": 1,
    "api": 2,
    "set": 4,
    "event_again": 1,
    "answers_again": 1,
    "outcome": 1,
    "train": 2,
    "deploy": 1,
    "rollback": 1,
    "stop": 1,
    "start": 2,
    "redrive": 1,
    "status": 1,
    "doctor": 1,
    "versions": 1,
    "update": 1,
}
"""What people do, and how often."""
_MOST_ACTS, _MOST_FAULTS = 5, 10
_LATEST_CALL = 12
"""A fault lets up to so many calls through first."""


@dataclass(frozen=True)
class Act:
    """One thing that somebody does."""

    name: str
    count: int
    pick: float
    """Which of the things that are there, from the first, 0, to the last."""
    what: Any = None
    """What is drawn, said or set."""

    def __str__(self) -> str:
        words = {"upload", "label", "answer", "to_label", "junk"}
        count = f" x{self.count}" if self.name in words else ""
        if self.name == "set":
            return "set {}={}".format(*self.what)
        return f"{self.name}{count}"


@dataclass(frozen=True)
class Burst:
    """Some acts after one another, and the faults that are in force meanwhile and after."""

    acts: Sequence[Act]
    faults: Sequence[Order]
    patience_s: float
    """For so many real seconds work may go on, at the most, before hours pass."""
    hours: int
    """How many hours pass then."""


def days(seed: int, count: int, functions: Sequence[str]) -> list[list[Burst]]:
    """The days of a life, a list of bursts each, of an application with these functions."""
    rng = random.Random(f"soak {seed}")
    life = [_day(rng, functions) for _ in range(count)]
    # A life begins with images to learn from, as a project does.
    first = life[0][0]
    begin = (Act("label", 6, 0.0), Act("train", 1, 0.0, "--force"))
    life[0][0] = Burst((*begin, *first.acts), first.faults, first.patience_s, first.hours)
    return life


def _day(rng: random.Random, functions: Sequence[str]) -> list[Burst]:
    parts = rng.choice(((24,), (12, 12), (8, 16), (4, 8, 12)))
    return [
        Burst(
            [_act(rng) for _ in range(rng.randint(1, _MOST_ACTS))],
            [_fault(rng, functions) for _ in range(rng.randint(0, _MOST_FAULTS))],
            rng.choice((0.3, 2.0, 4.0)),
            hours,
        )
        for hours in parts
    ]


def _act(rng: random.Random) -> Act:
    (name,) = rng.choices(list(_ACTS), list(_ACTS.values()))
    what: Any = None
    if name == "set":
        setting = rng.choice(sorted(SETTINGS))
        what = (setting, rng.choice(SETTINGS[setting]))
    elif name in {"upload", "replace", "api"}:
        # Most images are doubtful: people have something to do.
        what = rng.choice((None, None, *LABELS))
    elif name in {"answer", "undo"}:
        what = rng.choice((*ANSWERS, *ANSWERS[:2]))
    elif name == "outcome":
        what = rng.choice(OUTCOMES)
    elif name == "train":
        what = rng.choice(("--force", ""))
    elif name == "deploy":
        what = rng.choice(("--in-place", ""))
    elif name == "update":
        what = rng.choice(({}, {"InferenceUnitHourPrice": "5"}))
    return Act(name, rng.randint(1, 4), rng.random(), what)


def _fault(rng: random.Random, functions: Sequence[str]) -> Order:
    after = rng.randrange(rng.choice((_LATEST_CALL, 8 * _LATEST_CALL)))
    kind = rng.random()
    if kind < 0.25:
        return {**rng.choice(OWN_ACCORD), "after": rng.randrange(4), "times": rng.randint(1, 3)}
    if kind < 0.4:
        # A state machine's own calls; also the operator's, whose programs try again.
        service = rng.choice(("lambda", "sns", "states"))
        failure = rng.choice(("throttled", "failed", "answer lost"))
        return _failing(service, None, failure, after)
    # Some functions are called seldom: half of the failures meet whichever is at work.
    function = rng.choice(("*", rng.choice(functions)))
    if kind < 0.5:
        late = {"service": "*", "operation": "*", "function": function, "late_s": 60.0}
        return {**late, "after": after, "times": rng.randint(1, 3)}
    return _failing("*", function, rng.choice(sorted(FAILURES)), after, rng.choice((1, 1, 1, 3)))


def _failing(
    service: str, function: str | None, failure: str, after: int, times: int = 1
) -> dict[str, Any]:
    return {
        "service": service,
        "operation": "*",
        "function": function,
        **FAILURES[failure],
        "after": after,
        "times": times,
    }
