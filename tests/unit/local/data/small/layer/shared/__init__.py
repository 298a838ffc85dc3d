"""What every function of the small stack imports from its layer."""

import os


def greeting() -> str:
    """The greeting that the stack's parameter gives."""
    return os.environ["GREETING"]
