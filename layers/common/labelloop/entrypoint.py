"""What handlers are written with: the models that they take and give, and what they wear."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from labelloop.errors import InvalidRequestError
from labelloop.task import Invocation, logger, task

__all__ = ["Invocation", "Strict", "Tolerant", "logger", "task"]


class _Model(BaseModel):
    @classmethod
    def from_event(cls, event: Any) -> Self:
        """The event as this model. Raises InvalidRequestError where it is none."""
        try:
            return cls.model_validate(event)
        except ValidationError as error:
            raise InvalidRequestError(
                f"The event is not what this function takes: {error}"
            ) from error

    def as_json(self) -> dict[str, Any]:
        """The model as JSON's plain values."""
        return self.model_dump(mode="json")


class Strict(_Model):
    """What our own state machines pass: a field that nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tolerant(_Model):
    """What others send us: new fields come without warning."""

    model_config = ConfigDict(extra="ignore", frozen=True)
