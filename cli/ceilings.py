"""What today (UTC) has come to, of what a day may come to at the most."""

from typing import Any

from labelloop import clock
from labelloop.aws import daily_counts
from labelloop.domain.ceilings import day_of
from labelloop.domain.mails.about_ceilings import model_hours_spent
from labelloop.domain.parameters import API_IMAGES, MODEL_HOURS

from . import models
from .failures import REFUSED
from .params import effective_values


def today() -> dict[str, Any]:
    """Hours of models and images by the API, each with its ceiling; 0 for none."""
    values = effective_values()
    return {
        "model_hours": models.hours_today(),
        "maximum_model_hours": int(values[MODEL_HOURS]),
        "api_images": daily_counts.api_images(day_of(clock.now())),
        "maximum_api_images": int(values[API_IMAGES]),
    }


def no_model_runs(found: dict[str, Any]) -> bool:
    """Whether models have run as long today as they may."""
    return bool(0 < found["maximum_model_hours"] <= found["model_hours"])


def why_none_starts() -> str:
    """Why no model is started before tomorrow, and what to do about it; empty where one may be."""
    try:
        found = today()
    except REFUSED:
        return ""  # It is started or not, whatever else whoever asks may not read.
    return model_hours_spent(found["maximum_model_hours"]) if no_model_runs(found) else ""


def in_words(found: dict[str, Any]) -> list[str]:
    """Lines of the status, where there is anything to say."""
    lines = []
    if found["model_hours"]:
        hours = f"{found['model_hours']:.1f}{_of(found['maximum_model_hours'])} today (UTC)"
        spent = f"; no more: {MODEL_HOURS}" if no_model_runs(found) else ""
        lines.append(f"model hours      {hours}{spent}")
    if found["api_images"]:
        images = f"{found['api_images']}{_of(found['maximum_api_images'])} today (UTC)"
        is_spent = 0 < found["maximum_api_images"] <= found["api_images"]
        lines.append(f"images by API    {images}{f'; no more: {API_IMAGES}' if is_spent else ''}")
    return lines


def _of(ceiling: int) -> str:
    return f" of {ceiling}" if ceiling else ""
