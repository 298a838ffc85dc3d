"""Whether versions were right to take images for none of their labels."""

from dataclasses import asdict

from labelloop import clock
from labelloop.aws import model_versions_table as table
from labelloop.domain.rejection import NoneAnswer, with_answer
from labelloop.errors import ChangedMeanwhileError
from labelloop.remembered import remembered

_TRIES, _BETWEEN_TRIES_S = 8, 0.05


def read() -> tuple[NoneAnswer, ...]:
    """What the newest answers say of images that versions took for none of their labels."""
    return _none_answers()[0]


@remembered(seconds=60)
def lately() -> tuple[NoneAnswer, ...]:
    """What they say, or said a minute ago: for work that cannot ask every time."""
    return read()


def note(answer: NoneAnswer) -> None:
    """Note what an answer says of such an image, in the place of what the one before said.

    Raises ChangedMeanwhileError where others noted theirs each time that this one was to be noted.
    """
    for attempt in range(1, _TRIES + 1):
        before, revision = _none_answers()
        after = with_answer(before, answer)
        if after == before:
            return
        try:
            table.put(
                "state",
                "none_answers",
                {"answers": [asdict(each) for each in after], "revision": revision + 1},
                "attribute_not_exists(kind) OR revision = :seen",
                ExpressionAttributeValues={":seen": {"N": str(revision)}},
            )
            return
        except ChangedMeanwhileError:
            if attempt == _TRIES:
                raise
            clock.pause(_BETWEEN_TRIES_S * attempt)


def _none_answers() -> tuple[tuple[NoneAnswer, ...], int]:
    values = table.get("state", "none_answers")
    if values is None:
        return (), 0
    answers = tuple(NoneAnswer.from_json(entry) for entry in values["answers"])
    return answers, int(values["revision"])
