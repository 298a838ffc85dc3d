"""Measurements of the product on this machine. `python -m benchmarks` runs them."""

import sys
from pathlib import Path

# The domain's rules lie in the functions' layer, which no installation puts on the path.
RESULTS = Path(__file__).parent / "results"
"""Where each benchmark's rows are written, and what it draws."""

_LAYER = str(Path(__file__).parent.parent / "layers" / "common")
if _LAYER not in sys.path:
    sys.path.append(_LAYER)
