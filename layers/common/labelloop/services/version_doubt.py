"""How sure versions are of their decisions, for work that cannot read it every time."""

import json
from datetime import datetime, timedelta
from typing import Any

from labelloop import clock
from labelloop.aws import objects
from labelloop.domain.doubt import Calibration
from labelloop.domain.version_files import VersionFiles
from labelloop.errors import UNREADABLE, NotFoundError
from labelloop.remembered import memory

LOOKED_FOR_AGAIN = timedelta(minutes=10)
"""A version that was evaluated when there were no such files may get one."""

_known: dict[str, Calibration] = memory()
_missed: dict[str, datetime] = memory()


def calibration(version: str) -> Calibration | None:
    """How sure this version is; None where that is not known.

    It never changes, so it is read once. A file that cannot be read is like none: the version does
    what it can without, and `labelloop doctor` tells of it.
    """
    now = clock.now()
    if version not in _known and now >= _missed.get(version, now):
        try:
            _known[version] = Calibration.from_json(kept(version)["calibration"])
        except (NotFoundError, *UNREADABLE):
            _missed[version] = now + LOOKED_FOR_AGAIN
    return _known.get(version)


def kept(version: str) -> Any:
    """All that its evaluation has left of that, as it is now, and whatever it may be.

    Raises NotFoundError, and ValueError where it is not even JSON.
    """
    return json.loads(objects.read(VersionFiles(version).doubt))
