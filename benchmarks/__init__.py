"""Measurements of the product on this machine. `python -m benchmarks` runs them."""

from pathlib import Path

RESULTS = Path(__file__).parent / "results"
"""Where each benchmark's rows are written, and what it draws."""
