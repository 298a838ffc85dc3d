"""Results as the demo's tests need them."""

from typing import Any

from local.demo.results import Gain, Look, Results, VersionResult


def said(
    file_name: str, truth: str, label: str | None, confidence_pct: float, *, doubtful: bool = False
) -> Look:
    hits = int(label == truth)
    return Look(file_name, truth, label, confidence_pct, doubtful, hits, things=1)


def version(**facts: Any) -> VersionResult:
    known: dict[str, Any] = {
        "name": "v1-0a1b2c3d",
        "train_images": 24,
        "test_images": 12,
        "f1": 0.8,
        "promoted": True,
        "reasons": ("Its F1 score of 0.80 reaches the minimum of 0.50.",),
        "gain": None,
        "by_command": False,
        "looks": (),
        "incoming": 10,
        "sent_to_people": 5,
    }
    return VersionResult(**{**known, **facts})


def results(first_right: int = 70, second_right: int = 90, images: int = 100) -> Results:
    """Two versions that got so many images right."""

    def looks(right: int) -> tuple[Look, ...]:
        return tuple(
            said(f"held-back-{n:03d}.jpg", "nut", "nut" if n < right else "bolt", 60.0)
            for n in range(images)
        )

    return Results(
        seed=1,
        versions=(
            version(looks=looks(first_right)),
            version(name="v2-<b>", looks=looks(second_right), gain=Gain(0.1, -0.05, 0.25, 40)),
        ),
        answered=5,
        answered_none=1,
        mails=({"subject": "Training of v1 has started", "message": "A & B"},),
    )
