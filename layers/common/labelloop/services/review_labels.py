"""Which labels people may choose."""

from labelloop.aws import deployed_version, objects, trained_labels
from labelloop.aws.wiring import wiring
from labelloop.domain import labels as label_names
from labelloop.domain import layouts
from labelloop.domain.manifests import LABELLED_FOLDER
from labelloop.errors import InvalidRequestError, MalformedAnswerError
from labelloop.remembered import remembered
from labelloop.settings import Variable


@remembered(minutes=15)
def choices() -> list[str]:
    """The labels of this deployment: as the template has them, else those of the labelled folders
    and of the model that serves. As they were lately, or as they are when asked at once. That it
    is none of them is an answer beside them, under whatever name. All of them may be answered.
    """
    named = wiring.names(Variable.REVIEW_LABELS)
    if named:
        return list(dict.fromkeys(filter(None, map(_answerable, named))))
    folders = set(filter(label_names.fits_a_folder, objects.folders(LABELLED_FOLDER)))
    folders.difference_update(layouts.parts((name, "an image") for name in folders))
    return sorted({*map(label_names.composed, folders), *map(_answerable, _trained())} - {""})


def _answerable(name: str) -> str:
    """The label of this name; nothing where it cannot be one."""
    try:
        return label_names.check(name)
    except InvalidRequestError:
        return ""


def may_be_new() -> bool:
    """Whether people may bring labels that did not exist before."""
    return wiring.truth(Variable.ALLOW_NEW_LABELS)


def _trained() -> set[str]:
    """The labels of the model that serves; none where it was not trained here."""
    deployed = deployed_version.lately()
    return trained_labels.of(deployed.version) if deployed else set()


def check(*labels: str) -> None:
    """Raise MalformedAnswerError for a label, as it is composed, that nobody may choose."""
    new = set(labels)
    for label in sorted(new):
        try:
            label_names.check(label)
        except InvalidRequestError as error:
            raise MalformedAnswerError(f"{label!r} cannot be a label: {error}") from error
    unknown = new and new - set(choices())
    if unknown:  # A folder may have been made just now.
        unknown -= set(choices(at_once=True))
    for label in sorted(unknown):
        if not may_be_new():
            raise MalformedAnswerError(
                f"{label!r} is none of the labels. To accept it, make a folder of that name in "
                f"{LABELLED_FOLDER}, or deploy with AllowNewLabels=true."
            )
        try:
            label_names.check_folder(label)
        except InvalidRequestError as error:
            raise MalformedAnswerError(f"{label!r} cannot be a label: {error}") from error
        if "<" in label or ">" in label:
            raise MalformedAnswerError(f"{label!r} cannot be a new label: it has < or > in it.")
