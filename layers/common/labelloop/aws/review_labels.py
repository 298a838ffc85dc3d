"""Which labels people may choose."""

from labelloop.aws import objects
from labelloop.aws.wiring import wiring
from labelloop.domain import labels
from labelloop.domain.manifests import LABELLED_FOLDER
from labelloop.errors import InvalidRequestError, MalformedAnswerError
from labelloop.settings import Variable


def choices() -> list[str]:
    """The labels of this deployment: as the template has them, else the labelled folders."""
    named = wiring.names(Variable.REVIEW_LABELS)
    return list(named) if named else objects.folders(LABELLED_FOLDER)


def check(label: str) -> None:
    """Raise MalformedAnswerError for a label that nobody may choose."""
    try:
        labels.check(label)
    except InvalidRequestError as error:
        raise MalformedAnswerError(f"{label!r} cannot be a label: {error}") from error
    if not wiring.truth(Variable.ALLOW_NEW_LABELS) and label not in choices():
        raise MalformedAnswerError(
            f"{label!r} is none of the labels. To accept it, make a folder of that name in "
            f"{LABELLED_FOLDER}, or deploy with AllowNewLabels=true."
        )
