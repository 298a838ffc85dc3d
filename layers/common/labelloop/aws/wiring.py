"""The wiring of the function that this process is."""

import os

from labelloop.settings import Wiring

wiring = Wiring(os.environ)
