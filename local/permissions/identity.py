"""Who is calling: access keys of the stack's roles.

Every role, and every function under its role, signs its calls with an access key of its own, so
that the gateway can tell from a request alone which policies apply. A key that was never given out
belongs to the operator, an administrator.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass

_KEY_PREFIX = "LOCL"  # twenty capitals and digits in all: the form that moto reads from a signature


@dataclass(frozen=True)
class Principal:
    """A role, and the function that runs under it when it is a function that calls."""

    role_arn: str
    role_name: str
    function: str | None

    @property
    def session_arn(self) -> str:
        """The ARN that AWS prints in a refusal."""
        account_id = self.role_arn.split(":")[4]
        session = self.function or "label-loop"
        return f"arn:aws:sts::{account_id}:assumed-role/{self.role_name}/{session}"


class UnknownKeyError(Exception):
    """The key was given out by a runtime, but not for a role that exists now."""


class Identities:
    """The access keys given out, and the role that each stands for."""

    def __init__(self) -> None:
        self._principals: dict[str, Principal] = {}
        self._lock = threading.Lock()

    def register(self, role_arn: str, function_stem: str | None = None) -> str:
        """The access key for calls under the role; the same key for the same caller."""
        caller = f"{role_arn} {function_stem or ''}"
        key = _KEY_PREFIX + hashlib.sha256(caller.encode()).hexdigest()[:16].upper()
        role_name = role_arn.rsplit("/", 1)[-1]
        with self._lock:
            self._principals[key] = Principal(role_arn, role_name, function_stem)
        return key

    def key_for(self, role_arn: str) -> str:
        """The role's own access key, for callers that are not functions."""
        return self.register(role_arn)

    def lend(self, access_key_id: str, role_arn: str) -> None:
        """Let calls with the key, which STS has given out, be the role's."""
        role_name = role_arn.rsplit("/", 1)[-1]
        with self._lock:
            self._principals[access_key_id] = Principal(role_arn, role_name, None)

    def principal(self, access_key_id: str) -> Principal | None:
        """The role behind the key; None for the operator.

        A key that a deleted role left behind raises UnknownKeyError: it must not become the
        operator's.
        """
        principal = self._principals.get(access_key_id)
        if principal is None and access_key_id.startswith(_KEY_PREFIX):
            raise UnknownKeyError(access_key_id)
        return principal

    def forget(self, role_arn: str) -> None:
        """Every key of the role stops working."""
        with self._lock:
            kept = {k: p for k, p in self._principals.items() if p.role_arn != role_arn}
            self._principals = kept
