"""Facts that messages to the operator are about, and what anybody would call a written message."""

import json
import re
from typing import Any

from labelloop.domain.images import ImageObject
from labelloop.domain.messages import Message
from labelloop.domain.places import Place

CAUSE = json.dumps(
    {"errorMessage": "The service was busy.", "errorType": "BusyError", "stackTrace": ["..."]}
)
HOSTED = {
    "version": "v2",
    "hours": 2.25,
    "usd": 18.0,
    "usd_per_hour": 8.0,
    "idle_minutes": 30,
}
RUN = {"hours": 30.26, "usd": 121.04, "usd_per_hour": 4.0}
PLACE = Place("sorting", "eu-west-1", "sorting-bucket", "https://review.example/")
FACTS: dict[str, dict[str, Any]] = {
    "training_started": {"version": "v2", "new_images": 12, "train_images": 90, "test_images": 1},
    "model_deployed": {
        "version": "v2",
        "previous": "v1",
        "previous_run": RUN,
        "reasons": ["It is better."],
        "asked": {"version": "v1", "images": 120, "answered": 118, "run": RUN},
        "resent": 1,
    },
    "model_rejected": {"version": "v2", "reasons": ["It is worse."], "asked": None},
    "model_not_compared": {
        "version": "v2",
        "reasons": ["Its F1 score of 0.91 reaches the minimum of 0.80."],
        "cause": CAUSE,
        "asked": {"version": "v1", "images": 1, "answered": 0, "run": None},
    },
    "judgement_changed": {},
    "to_mend": {"to_mend": ["Model-Hosting is missing."]},
    "untrainable": {"cause": CAUSE},
    "training_failed": {"version": "v2", "error": "BusyError", "cause": CAUSE},
    "deployment_failed": {"version": "v2", "error": "BusyError", "cause": CAUSE},
    "nothing_serves": {"version": "v2"},
    "model_left_running": {
        "version": "v2",
        "error": "BusyError",
        "cause": CAUSE,
        "why_not_stopped": CAUSE,
    },
    "after_switch_failed": {"version": "v2", "previous": None, "error": "E", "cause": CAUSE},
    "run_unfinished": {
        "execution": "arn:aws:states:eu-west-1:123456789012:execution:x:y",
        "stopped": ["v2", "v3"],
        "serves": True,
        "proven": "v3",
    },
    "model_starting": {"version": "v2", "images_wait": True, "status": "STOPPED"},
    "model_not_started": {"version": "v2", "status": "FAILED", "cause": CAUSE},
    "labeling_problem": {"cause": CAUSE},
    "images_not_labelled": {
        "refused": 30,
        "left_out": [
            {"key": f"images_to_label/{n}.gif", "reason": "It is no image."} for n in range(25)
        ],
    },
    "labeling_job_ended": {
        "job": "label-loop-1-2",
        "status": "Failed",
        "labelled": 3,
        "on_console": 2,
        "cause": CAUSE,
    },
    "ground_truth_refused": {"cause": CAUSE},
    "a2i_refused": {"cause": CAUSE},
    "loops_unanswered": {"loop": "detection-1", "status": "Stopped", "cause": CAUSE},
    "model_stopped": HOSTED,
    "model_not_stopped": {"version": "v2", "cause": CAUSE},
    "model_not_answering": HOSTED,
    "version_gone": {"version": "v2"},
    "project_gone": {"cause": CAUSE},
    "model_idle": HOSTED,
    "model_hours_spent": {"version": "v1", "ceiling": 48},
    "api_images_spent": {"ceiling": 20000},
    "workflow_failed": {
        "workflow": "human_sampling",
        "execution": "arn:aws:states:eu-west-1:123456789012:execution:x:y",
        "error": "E",
        "cause": CAUSE,
    },
    "images_waiting": {"version": None},
    "drift": {"version": "v2", "right": 20, "answers": 40, "at_most": 0.648, "f1": 0.9},
    "answer_problem": {"key": "a2i-human-loop-data/x/output.json", "cause": "It is not JSON."},
}
IMAGE = ImageObject("bucket", "images_for_detection/ünder.jpg", "v1", "etag", 10)


def check(message: Message) -> None:
    """What SNS takes, and what anybody would call a written message."""
    assert re.fullmatch(r"[\x21-\x7e][\x20-\x7e]{0,98}", message.subject)
    said = message.text.replace("Train-None-Of-The-Above", "")
    for broken in ("None", "{", "}", "[", "]", "  ", "stackTrace", "errorMessage", "''", ".."):
        assert broken not in said, said
    assert message.text.endswith("\n")
    for paragraph in message.text.strip().split("\n\n"):
        assert paragraph.startswith(IMAGE.key) or not paragraph[0].islower()
