"""The `labelloop` command, for operators. It never runs on AWS.

It reads what the stack's own tables and services say, with the operator's own credentials, and
knows the domain's rules; nothing that is deployed knows it.
"""

import sys
from pathlib import Path

# The rules lie in the functions' layer, which no installation puts on the path.
_LAYER = str(Path(__file__).parent.parent / "layers" / "common")
if _LAYER not in sys.path:
    sys.path.append(_LAYER)
