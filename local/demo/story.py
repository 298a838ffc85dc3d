"""The demo's story, step by step: a first model, people's answers, a better model.

Called by ``__main__``. Reads top to bottom as what an operator, a reviewer and some cameras do;
what it waits for is what they could see.
"""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from labelloop.domain.annotations import Annotation, Box, ModelType, training_line
from labelloop.domain.detections import Label
from labelloop.domain.review_tasks import answer_body
from local.demo.application import TIME_SCALE, Application
from local.demo.display import Display, Step
from local.demo.failure import DemoError
from local.demo.pictures import Picture, PictureSets, draw_sets
from local.demo.results import Look, Results, VersionResult, in_pixels, looks, same_things
from local.demo.visitor import Record, Reviewer, Visitor

LABELLED, DETECTION = "images_labeled_by_folder/", "images_for_detection/"
OWN_FOLDER = "pictures/"
"""Where the operator keeps images that a manifest names."""
LABELLED_AT = "2026-01-02T03:04:05.000000"
MINIMUM_F1 = {
    ModelType.CLASSIFICATION: "0.50",
    ModelType.MULTI_LABEL: "0.30",
    ModelType.DETECTION: "0.10",
}
"""So few labelled images make a poor first model; the harder the task, the poorer."""
MINIMUM_CONFIDENCE_PCT = "80"
POLL_MINUTES = "10"
ANSWERS_TO_LEARN_FROM = "10"
"""So many new labelled images start the second training."""

SETTINGS_KNOWN_S = 60 / TIME_SCALE + 0.5
"""Functions go on for up to a minute with settings that were changed."""
LONGEST_WAIT_S = 150.0
LOOK_EVERY_S = 0.25

Seen = TypeVar("Seen")

GOOD_NEWS = re.compile(r"^Training of .* has started$|^Model .* (is in service|runs without work)$")


@dataclass
class _Tally:
    """What came in while a version served, and what people were asked."""

    incoming: int = 0
    sent_to_people: int = 0


class Story:
    """One run of the demo."""

    def __init__(
        self, seed: int, model_type: ModelType, application: Application, display: Display
    ) -> None:
        self._seed = seed
        self._model_type = model_type
        self._application = application
        self._display = display
        self._visitor: Visitor
        self._reviewer: Reviewer
        self.pictures: PictureSets

    def tell(self) -> Results:
        """Everything from start to end; what was measured. Raises DemoError."""
        self._start_application()
        self._draw()
        self._sign_in()
        self._set_parameters()
        first = self._train_first()
        first_looks = self._measure("v1", "Version 1")
        first_tally = self._detect("camera-1", self.pictures.stream, "Version 1")
        answered, answered_none = self._review(first_tally.sent_to_people)
        second = self._train_second(first)
        second_looks = self._measure("v2", "Version 2")
        second_tally = self._detect("camera-2", self.pictures.later_stream, "Version 2")
        versions = {version["name"]: version for version in self._visitor.versions()}
        return Results(
            seed=self._seed,
            first=_result(versions[first], first_looks, first_tally),
            second=_result(versions[second], second_looks, second_tally),
            answered=answered,
            answered_none=answered_none,
            mails=tuple(self._visitor.inbox()),
        )

    # --- Steps ------------------------------------------------------------------------------------

    def _start_application(self) -> None:
        with self._display.step("Start the application from template.yaml") as step:
            stack = self._application.start()
            self._visitor = Visitor(stack)
            step.say(f"deployed at {stack.endpoint}")

    def _draw(self) -> None:
        with self._display.step("Draw images of bolts, gears, nuts and washers") as step:
            self.pictures = draw_sets(
                self._seed, lambda done: step.say(f"{done} images"), self._model_type
            )
            step.say(
                f"{len(self.pictures.first)} labelled, "
                f"{len(self.pictures.stream) + len(self.pictures.later_stream)} for detection, "
                f"{len(self.pictures.held_back)} held back to measure with"
            )

    def _sign_in(self) -> None:
        with self._display.step("Create a reviewer and sign in") as step:
            self._reviewer = self._visitor.add_reviewer()
            self._reviewer.waiting()
            step.say("a user of the group reviewers, through Cognito")

    def _set_parameters(self) -> None:
        wanted = {
            "Automatic-Training-Poll-Frequency": POLL_MINUTES,
            "Minimum-Untrained-Images": str(len(self.pictures.first)),
            "Minimum-F1-Score": MINIMUM_F1[self._model_type],
            "Minimum-Label-Detection-Confidence": MINIMUM_CONFIDENCE_PCT,
            # Its time runs so fast that between two of its steps a model would be idle for long.
            "Model-Hosting": "always-on",
        }
        with self._display.step("Set the operator's parameters") as step:
            for name, value in wanted.items():
                self._visitor.set_parameter(name, value)
            step.say(", ".join(f"{name} = {value}" for name, value in wanted.items()))

    def _train_first(self) -> str:
        """The name of version 1."""
        with self._display.step("Upload the labelled images; version 1 is trained") as step:
            self._label(self.pictures.first)
            return self._wait_for_deployment(step, None)

    def _label(self, pictures: Iterable[Picture]) -> None:
        """Upload labelled images: in folders, or with a manifest of what they show."""
        if self._model_type is ModelType.CLASSIFICATION:
            self._visitor.upload(
                (f"{LABELLED}{picture.truth}/{picture.file_name}", picture.content)
                for picture in pictures
            )
            return
        self._visitor.upload(
            (OWN_FOLDER + picture.file_name, picture.content) for picture in pictures
        )
        lines = [
            training_line(
                f"s3://{self._visitor.bucket}/{OWN_FOLDER}{picture.file_name}",
                picture.shows,
                LABELLED_AT,
            )
            for picture in pictures
        ]
        self._visitor.upload([("manifests/imported/first.manifest", "\n".join(lines).encode())])

    def _measure(self, folder: str, who: str) -> tuple[Look, ...]:
        """What the version that serves says of the images held back.

        Review is switched off meanwhile: nobody may be asked about these images, since people's
        answers train.
        """
        title = f"{who} looks at images it was never shown, with review switched off"
        with self._display.step(title) as step:
            self._visitor.set_parameter("Enable-A2I-Workflow", "false")
            time.sleep(SETTINGS_KNOWN_S)
            records = self._send(step, f"held-back/{folder}", self.pictures.held_back)
            found = looks(records, self.pictures.by_name(), self._model_type)
            self._visitor.set_parameter("Enable-A2I-Workflow", "true")
            time.sleep(SETTINGS_KNOWN_S)
            right, things = sum(look.hits for look in found), sum(look.things for look in found)
            step.say(f"right on {right} of {things} in {len(found)} images")
            return found

    def _detect(self, folder: str, pictures: tuple[Picture, ...], who: str) -> _Tally:
        """Let images come in for detection, as any consumer's do."""
        with self._display.step(f"Images come in from {folder}; {who} detects") as step:
            records = self._send(step, folder, pictures)
            tally = _Tally(len(records), sum(record["outcome"] == "review" for record in records))
            self._wait(
                lambda: self._reviewer.waiting() >= tally.sent_to_people,
                f"{tally.sent_to_people} tasks in the review queue",
            )
            step.say(f"{tally.sent_to_people} of {tally.incoming} go to a person")
            return tally

    def _review(self, tasks: int) -> tuple[int, int]:
        """Answers that were given, and how many of them were none of the labels."""
        pictures = self.pictures.by_name()
        with self._display.step("A reviewer answers what the model was unsure of") as step:
            # Training waits, so that version 2 learns from all of the answers.
            self._visitor.set_parameter("Enable-Automatic-Training", "false")
            nones = kept = drawn = 0
            for done in range(tasks):
                step.count(done, tasks)
                task = self._wait(self._reviewer.take, "the next review task")
                if not self._reviewer.look(task):
                    raise DemoError(f"The image of task {task['task_id']} is empty.")
                shows = pictures[task["file_name"]].shows
                self._reviewer.answer(task, answer_body(shows, self._model_type))
                nones += not shows.labels
                kept += len(_left_as_they_were(task, shows))
                drawn += len(shows.boxes)
            self._wait(
                lambda: self._recorded_answers() >= tasks, f"{tasks} answers in the inference log"
            )
            boxes = f"; of {drawn} boxes the model had {kept}" if drawn else ""
            step.say(f"{tasks - nones} labelled, {nones} none of the labels{boxes}")
            return tasks, nones

    def _train_second(self, first: str) -> str:
        """The name of version 2."""
        with self._display.step("Version 2 is trained on the answers too") as step:
            self._visitor.set_parameter("Minimum-Untrained-Images", ANSWERS_TO_LEARN_FROM)
            self._visitor.set_parameter("Enable-Automatic-Training", "true")
            return self._wait_for_deployment(step, first)

    # --- Waiting for what can be seen -------------------------------------------------------------

    def _wait_for_deployment(self, step: Step, before: str | None) -> str:
        """The version that took over, once the operator was told so."""

        def deployed() -> str | None:
            version = self._visitor.deployed()
            mails = self._visitor.inbox()
            if mails:
                step.say(f"e-mail to the operator: {mails[-1]['subject']}")
            told = any(mail["subject"] == f"Model {version} is in service" for mail in mails)
            return version if version != before and told else None

        version = self._wait(deployed, "a new model in service")
        known = {entry["name"]: entry for entry in self._visitor.versions()}[version]
        step.say(
            f"{version}: trained on {known['train_images']} images, F1 {known['f1']:.2f} on "
            f"{known['test_images']} test images, now in service"
        )
        return version

    def _send(self, step: Step, folder: str, pictures: Iterable[Picture]) -> list[Record]:
        """Upload images for detection; their records, when each has one."""
        prefix = f"{DETECTION}{folder}/"
        files = [(prefix + picture.file_name, picture.content) for picture in pictures]
        self._visitor.upload(files)

        def all_detected() -> list[Record] | None:
            records = self._visitor.detections(prefix)
            finished = [record for record in records if record["outcome"] != "waiting"]
            step.count(len(finished), len(files))
            return finished if len(finished) == len(files) else None

        return self._wait(all_detected, f"{len(files)} detections in the inference log")

    def _recorded_answers(self) -> int:
        return sum("completed" in record for record in self._visitor.detections(DETECTION))

    def _wait(self, look: Callable[[], Seen | None], what: str) -> Seen:
        """What ``look`` sees as soon as it sees something. Raises DemoError when it never does."""
        deadline = time.monotonic() + LONGEST_WAIT_S
        while True:
            self._application.check()
            self._check_inbox()
            seen = look()
            if seen:
                return seen
            if time.monotonic() > deadline:
                raise DemoError(f"Waited {LONGEST_WAIT_S:.0f} s in vain for {what}.")
            time.sleep(LOOK_EVERY_S)

    def _check_inbox(self) -> None:
        """Raise DemoError when the operator was told of trouble."""
        for mail in self._visitor.inbox():
            if not GOOD_NEWS.match(mail["subject"]):
                text = " ".join(mail["message"].split())
                raise DemoError(f"The operator was told: {mail['subject']}. {text[:400]}")


def _left_as_they_were(task: Record, shows: Annotation) -> list[tuple[Box, Box]]:
    """The model's boxes that are around what is there."""
    if shows.size_px is None:
        return []
    suggested = [Label.from_json(entry) for entry in task["suggestion"]["labels"]]
    return same_things([in_pixels(label, shows.size_px) for label in suggested], shows.boxes)


def _result(version: Record, found: tuple[Look, ...], tally: _Tally) -> VersionResult:
    return VersionResult(
        name=version["name"],
        train_images=version["train_images"],
        test_images=version["test_images"],
        f1=version["f1"],
        reasons=tuple(version["reasons"]),
        looks=found,
        incoming=tally.incoming,
        sent_to_people=tally.sent_to_people,
    )
