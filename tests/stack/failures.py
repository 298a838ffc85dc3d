"""Failures that a test orders."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from tests.stack.deployed import Deployed


class Failures(Deployed):
    """What goes wrong for the length of a block."""

    @contextlib.contextmanager
    def faults(self, *orders: Mapping[str, Any]) -> Iterator[None]:
        """Calls that fail as ordered for the length of a block."""
        self.local.control("PUT", "faults", list(orders))
        try:
            yield
        finally:
            self.local.control("DELETE", "faults")

    @contextlib.contextmanager
    def outcomes(self, *orders: Mapping[str, Any]) -> Iterator[None]:
        """Ends that the service's own work comes to, as ordered for the length of a block."""
        self.local.control("PUT", "rekognition", {"outcomes": list(orders)})
        try:
            yield
        finally:
            self.local.control("DELETE", "rekognition")
