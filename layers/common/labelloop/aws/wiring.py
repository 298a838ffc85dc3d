"""The wiring of the function that this process is."""

import os

from labelloop.domain.places import Place
from labelloop.settings import Variable, Wiring, tags_of

wiring = Wiring(os.environ)


def tags() -> list[dict[str, str]]:
    """What all is tagged with that this stack's functions make, in most services' form."""
    stack = wiring[Variable.PARAMETER_PREFIX].strip("/")
    return [{"Key": key, "Value": value} for key, value in tags_of(stack).items()]


def place(of: Variable) -> Place:
    """The stack that this process belongs to, in the Region of what the variable's ARN names."""
    return Place(
        stack=wiring[Variable.STACK_NAME],
        region=wiring[of].split(":")[3],
        bucket=wiring[Variable.BUCKET_NAME],
        review_page=wiring[Variable.REVIEW_PAGE],
    )
