"""The demo's story, step by step: a first model, people's answers, a better model, and so on.

Called by ``__main__``. Reads top to bottom as what an operator, a reviewer and some cameras do;
what it waits for is what they could see.
"""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from labelloop.domain.annotations import ModelType, training_line
from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.detections import Outcome
from labelloop.domain.evaluation_report import Report
from labelloop.domain.model_versions import VersionRecord
from labelloop.domain.review_tasks import answer_body
from local.demo.application import Application
from local.demo.box_review import left_as_they_were
from local.demo.display import Display, Step
from local.demo.failure import DemoError
from local.demo.material import Material
from local.demo.pictures import Picture, PictureSets
from local.demo.results import Figure, Measured, Results, VersionResult, measured
from local.demo.visitor import Record, Reviewer, Visitor

LABELLED, DETECTION = "images_labeled_by_folder/", "images_for_detection/"
OWN_FOLDER = "pictures/"
"""Where the operator keeps images that a manifest names."""
LABELLED_AT = "2026-01-02T03:04:05.000000"
POLL = "Automatic-Training-Poll-Frequency"
OFTEN_MINUTES, HARDLY_EVER_MINUTES = "10", "44640"
NO_PAUSE_IS_IDLE = ("Idle-Minutes-Before-Stop", "1440")
"""Its time runs so fast that between two steps of the story a model would be idle for long."""

LONGEST_WAIT_S = 300.0
LOOK_EVERY_S = 0.25

Seen = TypeVar("Seen")

IN_SERVICE, REFUSED = "Model {} is in service", "Model {} was trained, but not good enough"
EXPECTED = re.compile(
    r"^Training of .* has started$|^Model .* (is in service|was trained, but not good enough)$"
)


@dataclass
class _Tally:
    """What came in while a version served, and what people were asked."""

    incoming: int = 0
    sent_to_people: int = 0

    def add(self, more: "_Tally") -> None:
        """Count these, too."""
        self.incoming += more.incoming
        self.sent_to_people += more.sent_to_people


@dataclass
class _Course:
    """What became of a version so far."""

    name: str
    by_command: bool = False
    tally: _Tally = field(default_factory=_Tally)


class Story:
    """One run of the demo."""

    def __init__(
        self, seed: int, material: Material, application: Application, display: Display
    ) -> None:
        self._seed = seed
        self._material = material
        self._application = application
        self._display = display
        self._visitor: Visitor
        self._reviewer: Reviewer
        self._courses: list[_Course] = []
        self._own_pictures: Path
        """Where those held back are, labelled: they never come into the application's bucket."""
        self.pictures: PictureSets

    def tell(self) -> Results:
        """Everything from start to end; what was measured. Raises DemoError."""
        self._start_application()
        self._get_pictures()
        self._sign_in()
        self._set_parameters()
        serving = self._train_first()
        answered = answered_none = 0
        self._measure(serving)
        for number, stream in enumerate(self.pictures.streams, start=1):
            tally = self._detect(f"camera-{number}", stream, self._title(serving))
            serving.tally.add(tally)
            if number < len(self.pictures.streams):
                given, none = self._review(tally.sent_to_people)
                answered, answered_none = answered + given, answered_none + none
                serving = self._train_next(serving)
                self._measure(self._courses[-1])
        evaluation = self._evaluate([course.name for course in self._courses])
        found = measured(evaluation, self._held_back())
        return Results(
            seed=self._seed,
            model_type=self._material.model_type,
            versions=tuple(self._result(course, found[course.name]) for course in self._courses),
            gains={
                pair["version"]: Figure.of_difference(pair["difference"])
                for pair in evaluation["comparisons"]
            },
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

    def _get_pictures(self) -> None:
        with self._display.step(self._material.title) as step:
            self.pictures = self._material.sets(self._seed, step)
            step.say(
                f"{len(self.pictures.first)} labelled, "
                f"{sum(map(len, self.pictures.streams))} for detection, "
                f"{len(self.pictures.held_back)} held back to measure with"
            )
            self._own_pictures = self._keep(self.pictures.held_back)

    def _sign_in(self) -> None:
        with self._display.step("Create a reviewer and sign in") as step:
            self._reviewer = self._visitor.add_reviewer()
            self._reviewer.waiting()
            step.say("a user of the group reviewers, through Cognito")

    def _set_parameters(self) -> None:
        """All but how often new labelled images are looked for: only when all are there."""
        wanted = {**dict([NO_PAUSE_IS_IDLE]), **self._material.parameters}
        with self._display.step("Set the operator's parameters") as step:
            for name, value in wanted.items():
                self._visitor.set_parameter(name, value)
            step.say(", ".join(f"{name} = {value}" for name, value in wanted.items()))

    def _train_first(self) -> _Course:
        """Version 1, in service: by the operator's command where the product says it is poor."""
        with self._display.step("Upload the labelled images; version 1 is trained") as step:
            self._label(self.pictures.first)
            course = self._train(step)
        if self._visitor.deployed() is None:
            self._deploy(course)
        return course

    def _deploy(self, course: _Course) -> None:
        title = f"The operator puts it into service all the same: labelloop deploy {course.name}"
        with self._display.step(title) as step:
            self._visitor.command("deploy", course.name, "--yes")
            course.by_command = True
            step.say("in service")

    def _train_next(self, serving: _Course) -> _Course:
        """What serves from now on: the new version, or still the old one."""
        title = f"Version {len(self._courses) + 1} is trained on the answers too, and compared"
        with self._display.step(title) as step:
            course = self._train(step)
        return course if self._visitor.deployed() == course.name else serving

    def _train(self, step: Step) -> _Course:
        """The next version, when the operator has been told what became of it."""
        before = {course.name for course in self._courses}
        self._visitor.set_parameter(POLL, OFTEN_MINUTES)

        def decided() -> str | None:
            subjects = [mail["subject"] for mail in self._visitor.inbox()]
            if subjects:
                step.say(f"e-mail to the operator: {subjects[-1]}")
            for version in self._visitor.versions():
                told = {form.format(version.name) for form in (IN_SERVICE, REFUSED)}
                if version.name not in before and told & set(subjects):
                    return version.name
            return None

        course = _Course(self._wait(decided, "a verdict on a new model"))
        # Until the next answers are all there: those that come in meanwhile shall wait for them.
        self._visitor.set_parameter(POLL, HARDLY_EVER_MINUTES)
        self._courses.append(course)
        known = self._known(course)
        outcome = "now in service" if known.promote else "refused"
        gain = _gain(self._visitor.report(course.name))
        compared = f", {gain.as_gain} against the one that serves" if gain else ""
        step.say(
            f"{course.name}: trained on {known.train_images} images, F1 {known.f1 or 0:.2f} on "
            f"{known.test_images} test images{compared}, {outcome}"
        )
        return course

    def _known(self, course: _Course) -> VersionRecord:
        return {version.name: version for version in self._visitor.versions()}[course.name]

    def _title(self, course: _Course) -> str:
        return f"Version {self._courses.index(course) + 1}"

    def _keep(self, pictures: Iterable[Picture]) -> Path:
        """Lay labelled pictures on the disk: in folders, or with a manifest; which of them."""
        folder = self._visitor.data_dir / "held-back"
        in_folders = self._material.model_type is ModelType.CLASSIFICATION
        lines = []
        for picture in pictures:
            file = folder / (picture.truth or "" if in_folders else "") / picture.file_name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(picture.content)
            lines.append(training_line(picture.file_name, picture.shows, LABELLED_AT))
        if in_folders:
            return folder
        manifest = folder / "held-back.manifest"
        manifest.write_text("\n".join(lines), encoding="utf-8")
        return manifest

    def _label(self, pictures: Iterable[Picture]) -> None:
        """Upload labelled images: in folders, or with a manifest of what they show."""
        if self._material.model_type is ModelType.CLASSIFICATION:
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

    def _measure(self, course: _Course) -> None:
        """Try a version on the images held back, as an operator does on pictures of the own."""
        title = f"{self._title(course)} on images that are never shown for training"
        with self._display.step(f"{title}: labelloop evaluate") as step:
            found = measured(self._evaluate([course.name]), self._held_back())[course.name]
            step.say(f"{found.score}, wholly right on {found.right} of {len(found.looks)}")

    def _evaluate(self, names: list[str]) -> Record:
        return self._visitor.evaluate(self._own_pictures, names)

    def _held_back(self) -> dict[str, Picture]:
        return {picture.file_name: picture for picture in self.pictures.held_back}

    def _detect(self, folder: str, pictures: tuple[Picture, ...], who: str) -> _Tally:
        """Let images come in for detection, as any consumer's do."""
        with self._display.step(f"Images come in from {folder}; {who} detects") as step:
            records = self._send(step, folder, pictures)
            tally = _Tally(
                len(records), sum(record.outcome == Outcome.REVIEW for record in records)
            )
            self._wait(
                lambda: self._reviewer.waiting() >= tally.sent_to_people,
                f"{tally.sent_to_people} tasks in the review queue",
            )
            step.say(f"{tally.sent_to_people} of {tally.incoming} go to a person")
            return tally

    def _review(self, doubtful: int) -> tuple[int, int]:
        """Answers that were given, and how many of them were none of the labels.

        Samples wait among what was doubtful, and are answered with it.
        """
        pictures = self.pictures.by_name()
        with self._display.step("A reviewer answers what the model was unsure of") as step:
            done = nones = kept = drawn = 0
            while task := self._next_task(is_sure_to_come=done < doubtful):
                if not self._reviewer.look(task):
                    raise DemoError(f"The image of task {task['task_id']} is empty.")
                shows = pictures[task["file_name"]].shows
                self._reviewer.answer(task, answer_body(shows, self._material.model_type))
                done += 1
                step.count(done, max(done, doubtful))
                nones += not shows.labels
                kept += len(left_as_they_were(task, shows))
                drawn += len(shows.boxes)
            self._wait(self._is_all_recorded, f"{done} answers in the inference log")
            boxes = f"; of {drawn} boxes the model had {kept}" if drawn else ""
            step.say(f"{done - nones} labelled, {nones} none of the labels{boxes}")
            return done, nones

    def _next_task(self, *, is_sure_to_come: bool) -> Record | None:
        if is_sure_to_come:
            return self._wait(self._reviewer.take, "the next review task")
        return self._reviewer.take()

    def _is_all_recorded(self) -> bool:
        """Whether every answer about a doubtful image is in the inference log."""
        return all(
            record.completed is not None
            for record in self._visitor.detections(DETECTION)
            if record.outcome == Outcome.REVIEW
        )

    def _result(self, course: _Course, found: Measured) -> VersionResult:
        known, report = self._known(course), self._visitor.report(course.name)
        return VersionResult(
            name=course.name,
            train_images=known.train_images or 0,
            test_images=known.test_images or 0,
            f1=known.f1 or 0.0,
            own=_own(report),
            promoted=bool(known.promote),
            reasons=known.reasons,
            gain=_gain(report),
            by_command=course.by_command,
            measured=found,
            incoming=course.tally.incoming,
            sent_to_people=course.tally.sent_to_people,
        )

    # --- Waiting for what can be seen -------------------------------------------------------------

    def _send(self, step: Step, folder: str, pictures: Iterable[Picture]) -> list[DetectionRecord]:
        """Upload images for detection; their records, when each has one."""
        prefix = f"{DETECTION}{folder}/"
        files = [(prefix + picture.file_name, picture.content) for picture in pictures]
        self._visitor.upload(files)

        def all_detected() -> list[DetectionRecord] | None:
            records = self._visitor.detections(prefix)
            finished = [record for record in records if record.has_result]
            step.count(len(finished), len(files))
            return finished if len(finished) == len(files) else None

        return self._wait(all_detected, f"{len(files)} detections in the inference log")

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
            if not EXPECTED.match(mail["subject"]):
                text = " ".join(mail["message"].split())
                raise DemoError(f"The operator was told: {mail['subject']}. {text[:400]}")


def _gain(report: Report) -> Figure | None:
    """By how much a version was better than the one that served, on what the verdict rests."""
    decides = report.comparison.decides if report.comparison else None
    return Figure(decides.gain, *decides.interval, decides.images) if decides else None


def _own(report: Report) -> Figure:
    """How right a version was about its test images."""
    if report.figures is None:
        raise DemoError(f"The report on {report.version} has no figures.")
    of = report.figures.test_set
    return Figure(of.value, of.low, of.high, of.images)
