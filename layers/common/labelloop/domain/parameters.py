"""The operator's parameters: one catalogue, from which everything else about them is made.

The custom resource creates them from it, functions validate with it, the command line and the
documentation describe them by it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from labelloop.domain.detections import Notifications
from labelloop.errors import ConfigurationError

SYSTEM_RECORD = "For-System-Use-Only"
"""A display copy of the deployed version, for people; nothing reads it back."""

MODEL_HOURS = "Maximum-Daily-Model-Hours"
API_IMAGES = "Maximum-Daily-API-Images"

_TRUTH = "true|false"


@dataclass(frozen=True)
class Parameter:
    """One setting that the operator may change at any time."""

    name: str
    default: str
    pattern: str
    """What Parameter Store accepts: it refuses any other value where it is typed."""
    values: str
    """The accepted values, for people."""
    meaning: str
    fallback: str
    """What counts where it is missing, or has a value that it must not have."""

    @property
    def description(self) -> str:
        """What Parameter Store shows beside the value."""
        return f"{self.meaning} It is {self.values}."

    def accepts(self, value: str) -> bool:
        """Whether the value is one that Parameter Store would accept."""
        return re.fullmatch(self.pattern, value) is not None

    def effective(self, value: str | None) -> str:
        """What counts where this value is stored; None where none is."""
        return self.fallback if value is None or not self.accepts(value) else value

    def check(self, value: str) -> None:
        """Raise ConfigurationError unless the value is one that Parameter Store would accept."""
        if not self.accepts(value):
            raise ConfigurationError(
                f"{self.name} is {value!r}; it must be {self.values}. Set it to such a value in "
                f"Parameter Store (the default is {self.default})."
            )


def _whole_numbers(low: int, high: int) -> str:
    """A pattern for the whole numbers from low to high, without leading zeros.

    Parameter Store knows patterns only, so the range has to be spelt in digits.
    """
    parts: list[str] = []
    start = low
    while start <= high:
        end = _last_of_same_shape(start, high)
        parts.append(_shape(start, end))
        start = end + 1
    return "|".join(parts)


def _last_of_same_shape(start: int, high: int) -> int:
    """The last number up to which one digit pattern covers everything from start on."""
    size = 1
    while True:
        larger = size * 10
        if start % larger or start + larger - 1 > high:
            break
        if len(str(start)) != len(str(start + larger - 1)):
            break
        size = larger
    step = (start // size) % 10
    room = min(9 - step, (high - start + 1) // size - 1)
    return start + (room + 1) * size - 1


def _shape(start: int, end: int) -> str:
    text = ""
    for low_digit, high_digit in zip(str(start), str(end), strict=True):
        text += low_digit if low_digit == high_digit else f"[{low_digit}-{high_digit}]"
    return re.sub(r"(\[0-9\])\1+", lambda m: f"[0-9]{{{len(m[0]) // 5}}}", text)


def _of(
    name: str, default: str, pattern: str, values: str, meaning: str, *, fallback: str = ""
) -> Parameter:
    return Parameter(name, default, f"^({pattern})$", values, meaning, fallback or default)


_FRACTION = r"0(\.[0-9]{1,4})?|1(\.0{1,4})?"
_PERCENT = r"00?(\.0{1,3})?|(0?[1-9]|[1-9][0-9])(\.[0-9]{1,3})?|100(\.0{1,3})?"
"""None between 0 and 1: whoever writes 0.7 means 70 percent."""

CATALOGUE: tuple[Parameter, ...] = (
    _of(
        "Enable-Automatic-Training",
        "true",
        _TRUTH,
        "true or false",
        "Whether new labelled images are looked for by schedule, and trained on.",
        # Trainings are billed: one that was switched off must not begin because it was deleted.
        fallback="false",
    ),
    _of(
        "Automatic-Training-Poll-Frequency",
        "600",
        _whole_numbers(1, 44640),
        "a whole number of minutes from 1 to 44640",
        "How often new labelled images are looked for.",
    ),
    _of(
        "Minimum-Untrained-Images",
        "10",
        _whole_numbers(1, 250000),
        "a whole number from 1 to 250000",
        "How many new images since the last successful training start another one.",
    ),
    _of(
        "Minimum-F1-Score",
        "0.80",
        _FRACTION,
        "a number from 0.00 to 1.00",
        "The least of the evaluation metric, whichever it is, with which a model is deployed where "
        "none is; by Minimum-Decides, also in the place of another one.",
    ),
    _of(
        "Minimum-Decides",
        "first",
        "first|always",
        "first or always",
        "Whether Minimum-F1-Score decides about the first model only, and the comparison with the "
        "deployed one about the others, or no model is ever deployed under it.",
    ),
    _of(
        "Minimum-Inference-Units",
        "1",
        _whole_numbers(1, 5),
        "a whole number from 1 to 5",
        "Inference units that a model is started with, at its next start.",
    ),
    _of(
        "Minimum-Label-Detection-Confidence",
        "70.0",
        _PERCENT,
        "a percentage from 1.00 to 100.00, as 70 for 70 percent, or 0",
        "A detection with less confidence is doubtful; of a multi-label or detection model, one "
        "with a decision that is less sure, on either side of a threshold. labelloop report says "
        "how many images each value sends to people, and how many mistakes that catches.",
    ),
    _of(
        "Enable-A2I-Workflow",
        "true",
        _TRUTH,
        "true or false",
        "Whether people are asked about doubtful detections, by either review backend.",
    ),
    _of(
        "Enable-Automatic-Human-Sampling",
        "true",
        _TRUTH,
        "true or false",
        "Whether every n-th detection goes to a person, whatever its confidence.",
    ),
    _of(
        "Automatic-Human-Sampling-Frequency",
        "600",
        _whole_numbers(1, 44640),
        "a whole number of minutes from 1 to 44640",
        "How often the detections are sampled.",
    ),
    _of(
        "Human-Sampling-Interval",
        "1000",
        _whole_numbers(1, 1000000),
        "a whole number of detections from 1 to 1000000",
        "The n of every n-th detection.",
    ),
    _of(
        "Maximum-Inference-Units",
        "1",
        _whole_numbers(1, 5),
        "a whole number from 1 to 5",
        "Up to how many inference units the service may scale a model; less than the minimum "
        "counts as the minimum.",
    ),
    _of(
        "Evaluation-Metric",
        "f1",
        "f1|precision|recall",
        "f1, precision or recall",
        "By which figure models are judged.",
    ),
    _of(
        "Minimum-Improvement",
        "0.00",
        rf"-?({_FRACTION})",
        "a number from -1.00 to 1.00",
        "How much better than the deployed model a new one must be: the difference of their mean "
        "scores on the same test images, today's, each weighted by how it came.",
    ),
    _of(
        "Model-Hosting",
        "on-demand",
        "on-demand|always-on",
        "on-demand or always-on",
        "Whether the model runs only while there is work, or always. Images that come while it "
        "does not run wait for it: starting takes ten to twenty minutes.",
    ),
    _of(
        "Idle-Minutes-Before-Stop",
        "30",
        _whole_numbers(5, 1440),
        "a whole number of minutes from 5 to 1440",
        "After how much time without work a model on demand is stopped.",
    ),
    _of(
        "Detection-Notifications",
        "low-confidence",
        "all|low-confidence|decisions|off",
        "all, low-confidence, decisions or off",
        "What the consumer gets messages about: all detections, or the doubtful ones and refused "
        "images, with what people then say of them; only what people say; or nothing.",
    ),
    _of(
        "Train-On-Sampled-Answers",
        "false",
        _TRUTH,
        "true or false",
        "Whether answers to sampled detections train, all but the share of TestSetPercentage. "
        "Otherwise all of them test.",
    ),
    _of(
        "Train-None-Of-The-Above",
        "true",
        _TRUTH,
        "true or false",
        "Whether images that people found to be none of the labels train, as a label of their own. "
        "Only where ModelType is classification.",
    ),
    _of(
        "Show-Model-Answer",
        "false",
        _TRUTH,
        "true or false",
        "Whether reviewers see at once what the model found. It is quicker, and people follow it "
        "even where it is wrong.",
    ),
    _of(
        "Maximum-Model-Versions",
        "10",
        _whole_numbers(3, 100),
        "a whole number from 3 to 100",
        "How many versions are kept in the service. The deployed and the previous one always are.",
    ),
    _of(
        "Daily-Review-Budget",
        "0",
        f"0|{_whole_numbers(1, 100000)}",
        "a whole number from 0 to 100000, where 0 is no limit",
        "How many doubtful detections a day (UTC) go to people, chosen every 15 minutes: a "
        "fifth at random, else those whose answers teach most. The others wait for up to 7 days to "
        "be chosen.",
    ),
    _of(
        MODEL_HOURS,
        "48",
        f"0|{_whole_numbers(1, 1000)}",
        "a whole number of hours from 0 to 1000, where 0 is no limit",
        "For how many hours a day (UTC) models run at the most, all of the project together: each "
        "counts once, whatever its inference units. Then they are stopped and started again on the "
        "next day; images wait.",
    ),
    _of(
        API_IMAGES,
        "20000",
        f"0|{_whole_numbers(1, 1000000)}",
        "a whole number of images from 0 to 1000000, where 0 is no limit",
        "How many images a day (UTC) POST /detect takes at the most; more are refused until the "
        "next day. Images that are put into the bucket are not counted.",
    ),
)

BY_NAME: Mapping[str, Parameter] = {parameter.name: parameter for parameter in CATALOGUE}


@dataclass(frozen=True)
class OperatorSettings:
    """The operator's parameters as typed values."""

    automatic_training: bool
    training_poll_minutes: int
    minimum_untrained_images: int
    minimum_metric: Decimal
    minimum_decides: Literal["first", "always"]
    minimum_inference_units: int
    maximum_inference_units: int
    minimum_confidence_pct: Decimal
    review_enabled: bool
    sampling_enabled: bool
    sampling_minutes: int
    sampling_interval: int
    evaluation_metric: Literal["f1", "precision", "recall"]
    minimum_improvement: Decimal
    notifications: Notifications
    train_on_sampled_answers: bool
    train_none_of_the_above: bool
    show_model_answer: bool
    maximum_model_versions: int
    daily_review_budget: int
    maximum_daily_model_hours: int
    maximum_daily_api_images: int
    model_hosting: Literal["on-demand", "always-on"]
    idle_minutes: int

    @property
    def all_doubtful_are_asked(self) -> bool:
        """Whether people are asked about every doubtful detection, at once."""
        return self.review_enabled and not self.daily_review_budget


@dataclass(frozen=True)
class Unusable:
    """A parameter whose fallback counts."""

    parameter: Parameter
    value: str | None
    """None where it is missing."""

    def __str__(self) -> str:
        parameter = self.parameter
        state = "is missing"
        if self.value is not None:
            state = f"is {self.value!r}, but must be {parameter.values}"
        return (
            f"{parameter.name} {state}. Until that is mended, {parameter.fallback} counts: "
            f"labelloop params set {parameter.name} VALUE"
        )


def unusable(values: Mapping[str, str]) -> list[Unusable]:
    """The parameters that are missing among these values, or must not have theirs."""
    return [
        Unusable(parameter, value)
        for parameter in CATALOGUE
        if (value := values.get(parameter.name)) is None or not parameter.accepts(value)
    ]


def parse(values: Mapping[str, str]) -> OperatorSettings:
    """The settings that these parameter values (by name, without prefix) mean.

    Each that is missing, or must not have its value, has its fallback, whatever the others are.
    """

    def value(name: str) -> str:
        return BY_NAME[name].effective(values.get(name))

    minimum_units = int(value("Minimum-Inference-Units"))
    return OperatorSettings(
        automatic_training=value("Enable-Automatic-Training") == "true",
        training_poll_minutes=int(value("Automatic-Training-Poll-Frequency")),
        minimum_untrained_images=int(value("Minimum-Untrained-Images")),
        minimum_metric=Decimal(value("Minimum-F1-Score")),
        minimum_decides=value("Minimum-Decides"),  # type: ignore[arg-type]  # checked by its pattern
        minimum_inference_units=minimum_units,
        maximum_inference_units=max(minimum_units, int(value("Maximum-Inference-Units"))),
        minimum_confidence_pct=Decimal(value("Minimum-Label-Detection-Confidence")),
        review_enabled=value("Enable-A2I-Workflow") == "true",
        sampling_enabled=value("Enable-Automatic-Human-Sampling") == "true",
        sampling_minutes=int(value("Automatic-Human-Sampling-Frequency")),
        sampling_interval=int(value("Human-Sampling-Interval")),
        evaluation_metric=value("Evaluation-Metric"),  # type: ignore[arg-type]  # likewise
        minimum_improvement=Decimal(value("Minimum-Improvement")),
        notifications=value("Detection-Notifications"),  # type: ignore[arg-type]  # likewise
        train_on_sampled_answers=value("Train-On-Sampled-Answers") == "true",
        train_none_of_the_above=value("Train-None-Of-The-Above") == "true",
        show_model_answer=value("Show-Model-Answer") == "true",
        maximum_model_versions=int(value("Maximum-Model-Versions")),
        daily_review_budget=int(value("Daily-Review-Budget")),
        maximum_daily_model_hours=int(value(MODEL_HOURS)),
        maximum_daily_api_images=int(value(API_IMAGES)),
        model_hosting=value("Model-Hosting"),  # type: ignore[arg-type]  # likewise
        idle_minutes=int(value("Idle-Minutes-Before-Stop")),
    )
