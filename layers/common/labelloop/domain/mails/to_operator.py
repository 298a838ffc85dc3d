"""A message to the operator whole: its words, and which stack and where it is about."""

from collections.abc import Callable, Iterator, Mapping

from labelloop.domain.mails import (
    about_answers,
    about_ceilings,
    about_hosting,
    about_training,
    about_upkeep,
    about_versions,
)
from labelloop.domain.manifests import DETECTION_FOLDER, LABELLED_FOLDER, UNLABELLED_FOLDER
from labelloop.domain.messages import Facts, Message
from labelloop.domain.places import Place
from labelloop.domain.version_files import TRAINING_FOLDER, VersionFiles
from labelloop.domain.wording import cause_in_words

MAILS: Mapping[str, Callable[[Facts], Message]] = {
    **about_training.MAILS,
    **about_versions.MAILS,
    **about_hosting.MAILS,
    **about_ceilings.MAILS,
    **about_answers.MAILS,
    **about_upkeep.MAILS,
}
"""Every kind of message to the operator, and what words it."""

_OF_A_VERDICT = {"model_deployed", "model_rejected", "model_not_compared", "drift"}
_OF_A_FOLDER = {
    "untrainable": LABELLED_FOLDER,
    "images_waiting": DETECTION_FOLDER,
    "labeling_problem": UNLABELLED_FOLDER,
    "images_not_labelled": UNLABELLED_FOLDER,
}
_OF_PEOPLE = {"drift", "labeling_job_ended", "ground_truth_refused", "a2i_refused"}
_OF_PEOPLE |= {"loops_unanswered"}


def whole(kind: str, facts: Facts, place: Place) -> Message:
    """The message of this kind about these facts of a stack. Raises KeyError for another kind."""
    message = MAILS[kind](facts)
    where = [f"Stack {place.stack}, Region {place.region}"]
    if "labelloop " in message.text:
        where.append(
            f"Commands reach it with --stack-name {place.stack} and AWS_REGION={place.region}"
        )
    where += [f"{what}: {address}" for what, address in _seen_at(kind, facts, place)]
    return Message(
        message.subject,
        f"{message.text}\n{_lines(where)}",
        {**message.data, **_in_words(facts), "stack": place.stack, "region": place.region},
    )


def _in_words(facts: Facts) -> dict[str, str]:
    """Causes without the stack traces that they come with from functions."""
    return {
        name: cause_in_words({"cause": facts[name]})
        for name in ("cause", "why_not_stopped")
        if name in facts
    }


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _seen_at(kind: str, facts: Facts, place: Place) -> Iterator[tuple[str, str]]:
    """What a message is about, and where that can be seen."""
    if kind in _OF_A_VERDICT:
        yield "Its report", place.file(VersionFiles(facts["version"]).report)
    if kind == "training_started":
        yield "What it learns from", place.folder(f"{TRAINING_FOLDER}{facts['version']}/")
    if kind == "answer_problem":
        yield "The answers", place.file(facts["key"])
    if kind in _OF_A_FOLDER:
        yield "The images", place.folder(_OF_A_FOLDER[kind])
    if kind in _OF_PEOPLE:
        yield "Review page", place.review_page
    if "execution" in facts:
        yield "Steps of the workflow", place.execution(facts["execution"])
    yield "Dashboard", place.dashboard
