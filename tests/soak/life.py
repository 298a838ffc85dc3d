"""A life of the whole application: what was planned happens to it, then there is quiet.

Time passes as in the other tests while people act, a hundred times as fast as it is; between, hours
leap by, a few at a time, and what was due in them runs once.
"""

import contextlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.launch import ROOT
from tests import detect_api, images
from tests.soak import plan
from tests.soak.invariants import Known, violations
from tests.soak.plan import Act, Burst
from tests.soak.world import World, queued, running
from tests.stack import Reviewer, Stack, Uploaded, launched

HOUR_S = 3600
LEAP_HOURS = 4
AFTER_A_LEAP_S = 0.4
LOOK_EVERY_S = 0.2
QUIET = {
    "Enable-Automatic-Training": "false",
    "Enable-Automatic-Human-Sampling": "false",
    "Enable-A2I-Workflow": "true",
    "Daily-Review-Budget": "0",
    "Idle-Minutes-Before-Stop": "5",
    "Maximum-Daily-Model-Hours": "0",
    "Minimum-Decides": "first",
    "Minimum-F1-Score": "0.50",
    "Model-Hosting": "on-demand",
}
"""What the operator sets who wants that all work is done and none begun."""
COMMANDS = {
    "rollback": ("rollback", "--no-wait"),
    "stop": ("stop", "--no-wait"),
    "start": ("start", "--no-wait"),
    "redrive": ("redrive", "--no-wait"),
    "status": ("status",),
    "doctor": ("doctor",),
    "versions": ("versions",),
}
"""What the operator says to ``labelloop`` that is always the same."""
FEW_WORKERS = {"LABELLOOP_MAX_WORKERS": "2"}
"""Starting one takes half a second of a processor, and many are killed."""
ROUNDS = 30
"""Of quiet, an hour each, at the most."""
MEND_EVERY = 4
"""Rounds after which the operator brings in another model, if none serves or can be started."""
IDLE_AFTER_S = 30.0
TRIES = 4
KEPT = ROOT / ".local" / "soak"
"""Where that is left which helps to find out why something does not hold of a life."""


@dataclass
class Life:
    """One life, from its plan to its end."""

    stack: Stack
    seed: int
    days: int
    say: Callable[[str], None]
    known: Known = field(default_factory=Known)
    uploads: list[Uploaded] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What was wrong at once, as a command that broke."""
    done: Counter[str] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)
    journal: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    """What does not hold in the end."""

    def live(self) -> None:
        """All of it."""
        functions = sorted(self.stack.local.control("GET", "functions"))
        self._people = [self._person() for _ in range(2)]
        self._began = self.stack.now()
        for number, day in enumerate(plan.days(self.seed, self.days, functions), 1):
            for burst in day:
                self._burst(number, burst)
        self.found = self.problems + self._quiet()

    # --- Days -------------------------------------------------------------------------------------

    def _burst(self, day: int, burst: Burst) -> None:
        self._note(
            f"day {day}: {', '.join(map(str, burst.acts))}; {len(burst.faults)} faults, then "
            f"{burst.hours} h"
        )
        self.stack.local.control("PUT", "faults", list(burst.faults))
        for act in burst.acts:
            self._do(act)
        self._settle(burst.patience_s)
        self._pass(burst.hours)
        self._end_faults()

    def _end_faults(self) -> None:
        for fault in self.stack.local.control("GET", "faults"):
            if not fault["fired"]:
                continue
            where = f"{fault['function'] or 'machine'} {fault['service']}.{fault['operation']}"
            self.fired[_kind(fault)] += fault["fired"]
            self.known.disturbed[fault["function"] or ""] += fault["fired"]
            self.journal.append(f"  {fault['fired']} x {_kind(fault)}: {where}")
        self.stack.local.control("DELETE", "faults")

    def _settle(self, patience_s: float) -> bool:
        """Wait until nothing is at work any more; whether that was within patience."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            if self._rests():
                return True
            time.sleep(LOOK_EVERY_S)
        return False

    def _rests(self) -> bool:
        busy = self.stack.local.control("GET", "summary")["busy"]
        return not busy and not running(self.stack) and not self._under_way()

    def _under_way(self) -> int:
        dead = {
            self.stack.outputs[name].rsplit("/", 1)[-1]
            for name in (
                "DetectionDeadLetterQueueUrl",
                "AnswersDeadLetterQueueUrl",
                "UndeliveredEventsQueueUrl",
            )
        }
        return sum(count for name, count in queued(self.stack).items() if name not in dead)

    def _pass(self, hours: int) -> None:
        for _ in range(0, hours, LEAP_HOURS):
            leap_s = min(hours, LEAP_HOURS) * HOUR_S
            self.stack.local.control("POST", "clock", {"leap_s": leap_s})
            # What is due begins; whether it ends before the next leap is its own affair.
            self._settle(AFTER_A_LEAP_S)

    # --- Acts -------------------------------------------------------------------------------------

    def _do(self, act: Act) -> None:
        self.done[act.name] += 1
        try:
            if act.name in COMMANDS:
                self._command(*COMMANDS[act.name])
            else:
                getattr(self, f"_act_{act.name}")(act)
        except (ClientError, BotoCoreError) as error:
            # The fault met the person. They let it be; somebody will do the like again.
            self.journal.append(f"  {act}: {error}")

    def _draw(self, act: Act) -> bytes:
        return self.stack.new_image(act.what)

    def _act_upload(self, act: Act) -> None:
        for _ in range(act.count):
            (number,) = self.stack.numbers(1)
            self._upload(f"images_for_detection/{number}.jpg", self._draw(act))

    def _upload(self, key: str, content: bytes) -> None:
        self.uploads.append(self.stack.upload(key, content))

    def _act_replace(self, act: Act) -> None:
        if self.uploads:
            self._upload(_picked(self.uploads, act).key, self._draw(act))

    def _act_junk(self, act: Act) -> None:
        for number in self.stack.numbers(act.count):
            self._upload(f"images_for_detection/junk-{number}.jpg", b"no image " * 20)

    def _act_delete(self, act: Act) -> None:
        if self.uploads:
            key = _picked(self.uploads, act).key
            self.stack.client("s3").delete_object(Bucket=self.stack.bucket, Key=key)

    def _act_event_again(self, act: Act) -> None:
        if self.uploads:
            self.stack.client("sqs").send_message(
                QueueUrl=self.stack.outputs["DetectionQueueUrl"],
                MessageBody=json.dumps(self.stack.event(_picked(self.uploads, act))),
            )

    def _act_label(self, act: Act) -> None:
        for label in images.LABELS:
            for number in self.stack.numbers(act.count):
                key = f"images_labeled_by_folder/{label}/{number}.jpg"
                self.stack.upload(key, images.draw(label, number))
                self.known.given.add(key)

    def _act_unlabel(self, act: Act) -> None:
        """Take one image out of the training data that was brought there."""
        keys = sorted(self.known.given & set(self.stack.keys("images_labeled_by_folder/")))
        if len(keys) > 20:
            self.stack.client("s3").delete_object(Bucket=self.stack.bucket, Key=_picked(keys, act))

    def _act_to_label(self, act: Act) -> None:
        for number in self.stack.numbers(act.count):
            content = images.draw(images.LABELS[number % 2], number)
            self.stack.upload(f"images_to_label/{number}.jpg", content)
        self._command("label", "--no-wait")

    def _act_api(self, act: Act) -> None:
        person = self._people[act.count % len(self._people)]
        content = self._draw(act)
        for _ in range(TRIES):
            person.ask("GET", "/review/session")  # renews the token
            answer = detect_api.post(self.stack, person.token, content, query="?log=true")
            if answer.status in {200, 202}:
                self.known.logged_by_api.add(answer.content["detection_id"])
                return
            self.journal.append(f"  api: {answer.status} {answer.content}")

    def _act_answer(self, act: Act) -> None:
        person = self._people[act.count % len(self._people)]
        for _ in range(act.count):
            self._answer_next(person, act.what)

    def _answer_next(self, person: Reviewer, said: Mapping[str, Any]) -> bool:
        """Whether there was a task to answer."""
        status, taken = person.ask("POST", "/review/tasks/next")
        if status != 200:
            return False
        for task in taken["tasks"]:
            self._ask(person, f"/review/tasks/{task['task_id']}/answer", said)
        return True

    def _act_skip(self, act: Act) -> None:
        person = self._people[act.count % len(self._people)]
        status, taken = person.ask("POST", "/review/tasks/next")
        if status == 200:
            path = f"/review/tasks/{taken['tasks'][0]['task_id']}/release"
            self._ask(person, path, {"skip": act.pick < 0.5})

    def _act_undo(self, act: Act) -> None:
        """Take an answer back, and give another one, if not at once."""
        answered = sorted(
            (task["task_id"], worker) for task in self.stack.tasks() for worker in task["answers"]
        )
        if not answered:
            return
        task_id, worker = _picked(answered, act)
        for person in self._people:
            if person.sub == worker:
                self._ask(person, f"/review/tasks/{task_id}/undo", None)
                if act.pick < 0.7:
                    self._ask(person, f"/review/tasks/{task_id}/answer", act.what)

    def _ask(self, person: Reviewer, path: str, body: Any) -> None:
        """Ask the review API, again while it fails, as its page does."""
        for _ in range(TRIES):
            status, answer = person.ask("POST", path, body)
            if status < 500 and status != 429:
                return
            self.journal.append(f"  {path}: {status} {answer}")

    def _act_answers_again(self, act: Act) -> None:
        """The event of an answer comes again: its file is put once more as it is."""
        keys = sorted(self.stack.keys("a2i-human-loop-data/"))
        if keys:
            key = _picked(keys, act)
            self.stack.upload(key, self.stack.read(key))

    def _act_set(self, act: Act) -> None:
        self._command("params", "set", *act.what)

    def _act_outcome(self, act: Act) -> None:
        self.stack.local.control("PUT", "rekognition", {"outcomes": [act.what]})

    def _act_train(self, act: Act) -> None:
        self._command("train", "--no-wait", *filter(None, [act.what]))

    def _act_deploy(self, act: Act) -> None:
        names = sorted(name for name, status in self.stack.model_statuses().items())
        if names:
            options = filter(None, [act.what])
            self._command("deploy", "--yes", "--no-wait", *options, _picked(names, act))

    def _act_update(self, act: Act) -> None:
        """The stack is deployed again, which puts its schedules back for a while."""
        self.stack.local.control("PUT", "stack", {"parameters": act.what})

    def _command(self, *words: str) -> None:
        result = self.stack.labelloop(*words)
        if result.exit_code:
            self.journal.append(f"  labelloop {' '.join(words)}: {result.output.strip()}")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            self.problems.append(f"labelloop {' '.join(words)} broke: {result.exception!r}")

    def _person(self) -> Reviewer:
        return self.stack.add_reviewer()

    # --- Quiet ------------------------------------------------------------------------------------

    def _quiet(self) -> list[str]:
        """Let all work be done; what does not hold then."""
        self._end_faults()
        self.stack.local.control("DELETE", "rekognition")
        self.stack.set_parameters(QUIET)
        found: list[str] = []
        for number in range(ROUNDS):
            self._work_off(mend=number % MEND_EVERY == MEND_EVERY - 1)
            found = violations(World.of(self.stack), self.known)
            self._note(f"quiet, hour {number + 1}: {len(found)} things do not hold yet")
            self.journal += [f"  {text}" for text in found]
            if not found:
                break
        return found

    def _work_off(self, mend: bool) -> None:
        """Do what people do who want nothing to be left, and let an hour pass."""
        if any(queued(self.stack).values()):
            self._command("redrive")
        if self.stack.item("ModelVersionsTable", kind="state", name="hosting_pause"):
            self._command("start", "--no-wait")
        if mend:
            self._bring_in_a_model()
        self._settle(IDLE_AFTER_S)
        for person in self._people:
            while self._answer_next(person, plan.ANSWERS[0]):
                pass
        self._settle(IDLE_AFTER_S)
        self._pass(1)
        self._settle(IDLE_AFTER_S)

    def _bring_in_a_model(self) -> None:
        """Do what e-mails say, where no version serves or that cannot be started which does."""
        statuses, deployed = self.stack.model_statuses(), self.stack.deployed()
        if deployed and statuses.get(deployed) not in {None, "FAILED"}:
            return
        startable = {"TRAINING_COMPLETED", "STOPPED"}
        others = sorted(name for name, status in statuses.items() if status in startable)
        if deployed and others:
            self._command("deploy", "--yes", "--no-wait", others[-1])
            return
        self._act_label(Act("label", 6, 0.0))
        self._act_train(Act("train", 1, 0.0, "--force"))

    # --- Words ------------------------------------------------------------------------------------

    def _note(self, text: str) -> None:
        line = f"{self.stack.now():%Y-%m-%d %H:%M}  {text}"
        self.journal.append(line)
        self.say(line)

    def summary(self) -> str:
        """What was done and what went wrong, in a paragraph."""
        records = Counter(record.get("outcome") for record in self.stack.records(""))
        versions = self.stack.versions()
        passed = (self.stack.now() - self._began).total_seconds() / 86400
        return (
            f"seed {self.seed}: {passed:.1f} days, {self.done.total()} acts, "
            f"{self.fired.total()} faults ({_counted(self.fired)}); {_counted(records)}; "
            f"{len(self.stack.tasks())} reviews, {len(versions)} versions, "
            f"{sum(bool(one.get('promote')) for one in versions)} good ones"
        )

    def keep(self, folder: Path) -> None:
        """Leave what helps to find out why something does not hold."""
        (folder / "violations.txt").write_text("\n".join(self.found) + "\n", encoding="utf-8")
        (folder / "journal.txt").write_text("\n".join(self.journal) + "\n", encoding="utf-8")
        world = json.dumps(asdict(World.of(self.stack)), indent=1, default=str)
        (folder / "world.json").write_text(world + "\n", encoding="utf-8")
        calls = self.stack.local.control("GET", "calls")
        lines = "\n".join(json.dumps(call) for call in calls)
        (folder / "calls.jsonl").write_text(lines + "\n", encoding="utf-8")


@contextlib.contextmanager
def lived(seed: int, days: int, say: Callable[[str], None]) -> Iterator[Life]:
    """A life that has been lived, and the stack of which nothing has ended yet."""
    folder = KEPT / str(seed)
    shutil.rmtree(folder, ignore_errors=True)
    with launched(
        hosting=True, settings=plan.AT_FIRST, environment=FEW_WORKERS, data_dir=folder / "stack"
    ) as stack:
        life = Life(stack, seed, days, say)
        life.live()
        yield life
        if life.found:
            life.keep(folder)
    if not life.found:
        shutil.rmtree(folder)


def _picked(things: Sequence[Any], act: Act) -> Any:
    return things[int(act.pick * len(things))]


def _kind(fault: Mapping[str, Any]) -> str:
    if fault["twice"] or fault["lost"] or fault["late_s"]:
        return "lost" if fault["lost"] else "twice" if fault["twice"] else "late"
    return "killed" if fault["kill"] else "hung" if fault["hang"] else str(fault["error"])


def _counted(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=str))
