"""What a minimum confidence would send to people, and what it would catch, on test images.

EvaluateModel leaves it in `evaluation/<version>/doubt.json`; versions that an earlier release
evaluated have none. Called by ``report``, ``doctor`` and ``params``.
"""

from collections.abc import Sequence
from decimal import Decimal

from labelloop.domain.calibration import TABLE_PCT, Outlook, Price
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import NotFoundError
from labelloop.services import version_doubt

from .failures import CommandError

MINIMUM = "Minimum-Label-Detection-Confidence"
HEAD = ("minimum", "sent to people", "of those not right")


def outlook(version: str) -> Outlook | None:
    """What the version's test images tell; None where nothing was kept of that.

    Raises CommandError where it cannot be read.
    """
    try:
        return Outlook.from_json(version_doubt.kept(version)["outlook"])
    except NotFoundError:
        return None
    except (LookupError, TypeError, ValueError) as error:
        raise CommandError(
            f"{VersionFiles(version).doubt} cannot be read by this release of Label Loop, so the "
            "version is asked as if there were none. Delete it: it is made again when the next "
            "version is evaluated."
        ) from error


def cells(found: Outlook) -> list[tuple[str, ...]]:
    """A row for each minimum of the table, without its head."""
    return [
        (
            f"{price.minimum_pct} %",
            _of(price.asked, price.images),
            _of(price.caught, price.mistakes),
        )
        for price in prices(found)
    ]


def prices(found: Outlook) -> Sequence[Price]:
    """What each minimum of the table would cost."""
    return [found.at(Decimal(pct)) for pct in TABLE_PCT]


def _of(count: int, total: int) -> str:
    return f"{count} of {total} ({100 * count / total:.0f} %)" if total else f"{count} of 0"


def in_words(price: Price) -> str:
    """What a minimum would do: the end of a sentence."""
    asked = f"{_of(price.asked, price.images)} go to people"
    if not price.mistakes:
        return f"{asked}, and none was wrong"
    return f"{asked}, among them {_of(price.caught, price.mistakes)} that were not right"
