"""To the operator, about people's work: answers of no use, and images without anybody to ask."""

from collections.abc import Callable, Mapping

from labelloop.domain.messages import Facts, Message, message
from labelloop.domain.wording import alike, bullets, cause_in_words, one_line


def _answer_problem(facts: Facts) -> Message:
    return message(
        "An answer from human review cannot be used",
        [
            f"The answers in {one_line(facts['key'])} cannot be used: {cause_in_words(facts)}",
            "The image is not added to training, and its record says so. When the file is mended, "
            "put it into the bucket again under the same name.",
        ],
        facts,
    )


def _labeling_problem(facts: Facts) -> Message:
    return message(
        "Nobody can be asked about images to label",
        [
            f"There are new images in images_to_label/, but: {cause_in_words(facts)}",
            "Nothing was lost; the next look comes by schedule, or with: labelloop label",
        ],
        facts,
    )


def _images_not_labelled(facts: Facts) -> Message:
    left_out, count = facts["left_out"], facts["refused"]
    kinds = alike((one["key"], one["reason"]) for one in left_out)
    named = [
        f"{one_line(key)}{f' and {same - 1} more' if same > 1 else ''}: {reason}"
        for same, key, reason in kinds[:_MOST_NAMED]
    ]
    others = count - sum(same for same, _, _ in kinds[:_MOST_NAMED])
    if others:
        named.append(f"{others} more")
    return message(
        "Nobody is asked about some images to label",
        [
            f"In images_to_label/ {'is one file' if count == 1 else f'are {count} files'} from "
            "which no training could learn, so nobody is asked about them:\n" + bullets(named),
            "All others are asked about. Put better copies in their place, or delete them. What is "
            "left out is also named by: labelloop label",
        ],
        facts,
    )


_MOST_NAMED = 20


def _labeling_job_ended(facts: Facts) -> Message:
    return message(
        "A labelling job has not labelled all of its images",
        [
            f"The labelling job {facts['job']} of Ground Truth is {facts['status']}. Labelled: "
            f"{facts['labelled']}; the others, {facts['on_console']}, are in the review queue of "
            "the console instead.",
            f"What happened: {cause_in_words(facts)}",
        ],
        facts,
    )


def _ground_truth_refused(facts: Facts) -> Message:
    return message(
        "Ground Truth does not take images to label",
        [
            "Ground Truth was asked to have images labelled, and refused. They are in the review "
            "queue of the console instead, and nothing is lost.",
            f"What happened: {cause_in_words(facts)}",
            "Since 30 July 2026 Ground Truth takes no new customers. If your account should be one "
            "of the existing ones, ask AWS Support; otherwise deploy with ReviewBackend=console.",
            "This is said once a month.",
        ],
        facts,
    )


def _a2i_refused(facts: Facts) -> Message:
    return message(
        "Amazon A2I does not take images for review",
        [
            "A2I was asked to show an image to its workers, and refused. Such images are in the "
            "review queue of the console instead, and nothing is lost.",
            f"What happened: {cause_in_words(facts)}",
            "Since 30 July 2026 A2I takes no new customers. If your account should be one of the "
            "existing ones, ask AWS Support; otherwise deploy with ReviewBackend=console.",
            "This is said once a month for each kind of refusal, not for every image.",
        ],
        facts,
    )


def _loops_unanswered(facts: Facts) -> Message:
    return message(
        "Workers of Amazon A2I did not answer",
        [
            f"The human loop {facts['loop']} is {facts['status']}: it has ended without answers. "
            "Its image is in the review queue of the console instead.",
            f"What happened: {cause_in_words(facts)}",
            "This is said once a day, however many there are.",
        ],
        facts,
    )


MAILS: Mapping[str, Callable[[Facts], Message]] = {
    "answer_problem": _answer_problem,
    "labeling_problem": _labeling_problem,
    "images_not_labelled": _images_not_labelled,
    "labeling_job_ended": _labeling_job_ended,
    "ground_truth_refused": _ground_truth_refused,
    "a2i_refused": _a2i_refused,
    "loops_unanswered": _loops_unanswered,
}
