"""The account in memory that these tests run in."""

from tests.unit.account import account

__all__ = ["account"]
