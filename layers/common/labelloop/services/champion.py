"""The version that serves, which a candidate is compared with: what it said, and is asked."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labelloop import clock
from labelloop.aws import hosting_state, objects, rekognition
from labelloop.aws.line_files import write_lines
from labelloop.aws.rekognition import VersionStatus
from labelloop.aws.wiring import wiring
from labelloop.domain import champion_questions, examination, hosting, manifests
from labelloop.domain.annotations import ModelType
from labelloop.domain.answers import Answer
from labelloop.domain.comparison import Party
from labelloop.domain.manifests import SplitImage
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import NotFoundError
from labelloop.services import stored_evaluations, training_data, version_answers
from labelloop.services.candidate import Candidate
from labelloop.settings import Variable


@dataclass(frozen=True)
class Champion:
    """The version that serves, and what it said of the candidate's test images."""

    version: rekognition.Version
    said: Party
    tested: Collection[str]
    """The contents that tested it when it was trained."""

    @property
    def runs(self) -> bool:
        """Whether it runs anyway, so that it can be asked at once."""
        return self.version.status is VersionStatus.RUNNING


def read(candidate: Candidate, name: str) -> Champion | None:
    """The version that serves; None where somebody deleted it."""
    try:
        version = rekognition.version(name)
    except NotFoundError:
        return None
    contents = stored_evaluations.contents(name)
    thresholds, said = _evaluation(candidate, version, contents)
    said = version_answers.remembered(name) | said
    examined = candidate.examined
    unknown = [case for case in examined.cases if case.content not in said]
    etags = _etags(candidate.name) if examined.model_type is ModelType.DETECTION else {}
    logged = version_answers.logged(name, unknown, examined.model_type, etags)
    said |= {answer.content: answer for answer in logged}
    return Champion(version, Party(said, thresholds), set(contents.values()))


def _etags(version: str) -> dict[str, str]:
    """The ETag of the object with each content that a model has detected."""
    try:
        index = training_data.index(version)
        return {image.content: image.etag for image in index if image.provenance.detection_id}
    except NotFoundError:
        return {}


def _evaluation(
    candidate: Candidate, champion: rekognition.Version, contents: Mapping[str, str]
) -> tuple[Mapping[str, float], dict[str, Answer]]:
    """The champion's thresholds, and its answers when it was tested; none where they are gone."""
    examined, known = candidate.examined, candidate.index.contents
    # Where one of the indexes is missing, the same key stands for the same image.
    by_key = contents if contents and known else known
    thresholds: Mapping[str, float] = {}
    try:
        thresholds = stored_evaluations.summary(champion).thresholds if champion.summary else {}
        tested = stored_evaluations.tested(champion, thresholds, examined.model_type)
        _assess_unless_done(champion, thresholds, examined.model_type)
        return thresholds, examination.answers(tested, by_key, examined.answers)
    except NotFoundError:
        return thresholds, {}


def _assess_unless_done(
    champion: rekognition.Version, thresholds: Mapping[str, float], model_type: ModelType
) -> None:
    """Say how sure a version is that was evaluated when that was not said yet."""
    if not objects.is_there(VersionFiles(champion.name).doubt):
        tested = stored_evaluations.tested(champion, thresholds, model_type)
        examined = examination.examine(
            tested, model_type, stored_evaluations.test_images(champion.name)
        )
        stored_evaluations.assessed(champion.name, examined, thresholds)


def runs_never_again(champion: Champion, started: str | None) -> bool:
    """Whether it cannot be started any more, nor could when it was ``started`` to be asked."""
    now = hosting_state.of(champion.version.name)
    return hosting.runs_never_again(champion.version.status, now, started)


def is_to_be_asked(
    candidate: Candidate, champion: Champion, is_open: bool
) -> tuple[bool, str | None]:
    """Whether it has answers that are missing: while it runs, or if it has to be started.

    And why it cannot be asked, where that is known before.
    """
    name = champion.version.name
    if not (champion.runs or is_open):
        return False, None
    try:
        if not _is_wanted(candidate, champion):
            return False, None
    except NotFoundError:
        return False, f"The index of {candidate.name} was deleted, so its images cannot be found."
    if not champion.runs and hosting_state.is_paused():
        return False, f"{name} was stopped by hand. To let it run again: labelloop start"
    return True, None


def _is_wanted(candidate: Candidate, champion: Champion) -> bool:
    """Whether the champion is to be asked about images, by a list that is made once.

    Raises NotFoundError without the candidate's index, which has where the images are.
    """
    said, name = champion.said.answers, champion.version.name
    try:
        listed = [image.content for image in _listed(candidate, name)]
    except NotFoundError:
        listed = champion_questions.to_ask(candidate.examined.cases, champion.said, name)
        wanted = set(listed)
        images = {
            image.content: image
            for image in training_data.index(candidate.name)
            if image.content in wanted
        }
        write_lines(
            VersionFiles(candidate.name).to_ask(name),
            manifests.index_lines(images[content] for content in listed),
        )
    return any(content not in said for content in listed)


def _listed(candidate: Candidate, champion: str) -> Iterator[SplitImage]:
    return manifests.read_index(objects.lines(VersionFiles(candidate.name).to_ask(champion)))


def asked(
    candidate: Candidate, champion: rekognition.Version, started: str | None
) -> dict[str, Any] | None:
    """About how many images the champion was to be asked and was, and what it cost to start it."""
    try:
        listed = {image.content for image in _listed(candidate, champion.name)}
    except NotFoundError:
        return None
    answered = len(listed & version_answers.remembered(champion.name).keys())
    run = None
    if started:
        run = hosting.run_in_figures(
            clock.now() - clock.from_iso(started),
            champion.inference_units,
            float(wiring[Variable.USD_PER_INFERENCE_UNIT_HOUR]),
        )
    return {"version": champion.name, "images": len(listed), "answered": answered, "run": run}
