"""Results as the demo's tests need them."""

from typing import Any

from labelloop.domain.accuracy import Accuracy
from labelloop.domain.annotations import ModelType
from local.demo.results import Figure, Look, Measured, Results, VersionResult


def said(file_name: str, truth: str, label: str | None, confidence_pct: float) -> Look:
    return Look(file_name, truth, label, confidence_pct, label == truth)


def measured(right: int, images: int = 100) -> Measured:
    """A version that got so many images right."""
    looks = tuple(
        said(f"held-back-{n:03d}.jpg", "nut", "nut" if n < right else "bolt", 60.0)
        for n in range(images)
    )
    low, high = Accuracy(right, images).interval
    return Measured(Figure(right / images, low, high, images), looks)


def version(**facts: Any) -> VersionResult:
    known: dict[str, Any] = {
        "name": "v1-0a1b2c3d",
        "train_images": 24,
        "test_images": 12,
        "f1": 0.8,
        "own": Figure(0.75, 0.47, 0.91, 12),
        "promoted": True,
        "reasons": ("Its F1 score of 0.80 reaches the minimum of 0.50.",),
        "gain": None,
        "by_command": False,
        "measured": measured(70),
        "incoming": 10,
        "sent_to_people": 5,
    }
    return VersionResult(**{**known, **facts})


def results(first_right: int = 70, second_right: int = 90) -> Results:
    """Two versions that got so many of 100 images right."""
    difference = (second_right - first_right) / 100
    return Results(
        seed=1,
        model_type=ModelType.CLASSIFICATION,
        versions=(
            version(measured=measured(first_right)),
            version(
                name="v2-<b>",
                measured=measured(second_right),
                gain=Figure(0.1, -0.05, 0.25, 40),
            ),
        ),
        gains={"v2-<b>": Figure(difference, difference - 0.08, difference + 0.08, 100)},
        answered=5,
        answered_none=1,
        mails=({"subject": "Training of v1 has started", "message": "A & B"},),
    )
