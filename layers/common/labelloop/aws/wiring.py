"""The wiring of the function that this process is."""

import os

from labelloop.domain.places import Place
from labelloop.settings import Variable, Wiring

wiring = Wiring(os.environ)


def place(of: Variable) -> Place:
    """The stack that this process belongs to, in the Region of what the variable's ARN names."""
    return Place(
        stack=wiring[Variable.STACK_NAME],
        region=wiring[of].split(":")[3],
        bucket=wiring[Variable.BUCKET_NAME],
        review_page=wiring[Variable.REVIEW_PAGE],
    )
