"""A version of which it is known how sure it is of its decisions."""

import json

from labelloop.domain.calibration import Outlook
from labelloop.domain.doubt import Calibration, Curve
from labelloop.domain.version_files import VersionFiles
from tests.unit.account import Account

CALIBRATION = Calibration(
    {"gear": Curve(0.014, 1.0, -0.4), "bolt": Curve(0.98, 1.0, -0.4)}, Curve(0.5, 1.0, 0.0), 0.005
)
"""Of gears it says little, and rightly; of bolts too much."""


OUTLOOK = Outlook(((-1.0, 2, 2), (55.0, 6, 3), (71.3, 4, 1), (97.0, 8, 1)))
"""Of 20 test images; of two of them people are asked whatever the minimum is."""


def content() -> bytes:
    """What a version's evaluation leaves of its doubt."""
    told = {"calibration": CALIBRATION.as_json(), "outlook": OUTLOOK.as_json()}
    return json.dumps(told).encode()


def keep(account: Account, version: str = "v1") -> None:
    """Leave that in the bucket."""
    account.put(VersionFiles(version).doubt, content())
