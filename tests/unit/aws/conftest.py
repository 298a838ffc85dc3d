"""The account in memory that these tests run in."""

from tests.unit.account import account as account
