"""To the operator, about Label Loop itself: what failed, was changed, or works otherwise."""

from collections.abc import Callable, Mapping

from labelloop.domain.messages import Facts, Message, message
from labelloop.domain.wording import bullets, cause_in_words


def _workflow_failed(facts: Facts) -> Message:
    return message(
        f"Something went wrong in {facts['workflow']}",
        [
            f"A step of the workflow {facts['workflow']} has failed.",
            f"What happened: {cause_in_words(facts)}",
            f"When that is mended: {_GOES_ON.get(facts['workflow'], 'it comes again by itself.')}",
        ],
        facts,
    )


_GOES_ON = {
    "model_training": "the next look comes by schedule, or with: labelloop train",
    "image_labeling": "the next look comes by schedule, or with: labelloop label",
    "human_sampling": "the next run by schedule goes on from the same place.",
    "parameter_change": "it is tried again once an hour.",
}


def _project_gone(facts: Facts) -> Message:
    return message(
        "The project was deleted in Rekognition",
        [cause_in_words(facts), "Images that come in are kept, and so is what was labelled."],
        facts,
    )


def _judgement_changed(facts: Facts) -> Message:
    return message(
        "Label Loop was updated: new models are judged in another way",
        [
            "This release judges models in another way than the one before. Your parameters keep "
            "their names and values; some of them mean something else now:",
            bullets(
                [
                    "Minimum-F1-Score decides while no model serves. Where one serves, the "
                    "comparison with it decides: a better model is deployed under the minimum, "
                    "too, and a worse one is not deployed above it. To let none be deployed under "
                    "the minimum, as before: labelloop params set Minimum-Decides always",
                    "A new model is compared with the one that serves on all test images as they "
                    "are today, and no longer on those that both were tested with. Of up to 300 "
                    "that the serving one has not seen, it is asked. Where the decision needs it, "
                    "it is started for that; what that costs is in the message about the verdict.",
                    "Minimum-Improvement is the difference of the two models' mean scores, by "
                    "Evaluation-Metric, image by image; where enough test images stand for those "
                    "that come in, they are weighted so.",
                    "Answers to sampled detections test. With Train-On-Sampled-Answers, "
                    "TestSetPercentage of them do, and the others train.",
                    "Several labels, and boxes: Minimum-Label-Detection-Confidence is held against "
                    "the chance, by the version's own test results, that what was found is there; "
                    "and what was not found, but is likely to be there, is doubtful, too. Both "
                    "begin when the next version is evaluated.",
                    "One label an image: the answer that none of the labels fits teaches the model "
                    "to say so, too (Train-None-Of-The-Above).",
                    "A day has ceilings: models run for Maximum-Daily-Model-Hours at the most "
                    "(48), and POST /detect takes Maximum-Daily-API-Images (20000). 0 switches one "
                    "off.",
                ]
            ),
            "Versions that were trained before stay as they are. This is said once.",
        ],
        facts,
    )


def _to_mend(facts: Facts) -> Message:
    return message(
        "Please mend settings or parts of Label Loop",
        [
            "Something was changed by hand that Label Loop needs. All the rest goes on.",
            bullets(facts["to_mend"]),
            "All that can be looked at from outside: labelloop doctor",
            "This is said once, and again after a month.",
        ],
        facts,
    )


MAILS: Mapping[str, Callable[[Facts], Message]] = {
    "workflow_failed": _workflow_failed,
    "project_gone": _project_gone,
    "judgement_changed": _judgement_changed,
    "to_mend": _to_mend,
}
