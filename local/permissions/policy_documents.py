"""Policy documents: statements, patterns and conditions, read strictly.

What is not understood (a condition operator, a condition key that the gateway never supplies, a
policy variable) raises at load: a permission that is checked wrongly is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


class PolicyError(Exception):
    """A policy says something that this runtime cannot check."""


# The condition keys that calls are given a value for (local/permissions/actions.py, Authorizer).
SUPPLIED_KEYS = frozenset(
    (
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:PrincipalServiceName",
        "aws:SecureTransport",
        "cloudwatch:namespace",
        "events:source",
        "iam:PassedToService",
        "s3:prefix",
        "s3:delimiter",
    )
)

_STATEMENT_KEYS = frozenset(
    (
        "Sid",
        "Effect",
        "Principal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    )
)


@lru_cache(maxsize=20_000)
def _pattern(text: str, ignore_case: bool) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in text)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def matches(pattern: str, value: str, ignore_case: bool = False) -> bool:
    """Whether the value fits a pattern with `*` and `?`."""
    return _pattern(pattern, ignore_case).fullmatch(value) is not None


def _arn_matches(pattern: str, value: str) -> bool:
    """ARNs are compared part by part: no wildcard reaches over one of the first five colons."""
    wanted, given = pattern.split(":", 5), value.split(":", 5)
    return len(wanted) == len(given) and all(map(matches, wanted, given))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": matches,
    "ArnEquals": _arn_matches,
    "ArnLike": _arn_matches,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
}
_NEGATIONS = {
    "StringNotEquals": "StringEquals",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


@dataclass(frozen=True)
class Condition:
    """One operator, key and list of values of a statement's Condition."""

    operator: str
    key: str
    values: tuple[str, ...]

    def holds(self, context: Mapping[str, str | list[str]]) -> bool:
        """Whether the request's values satisfy the condition."""
        quantifier, _, rest = self.operator.rpartition(":")
        name, if_exists = rest.removesuffix("IfExists"), rest.endswith("IfExists")
        lowered = {key.lower(): value for key, value in context.items()}
        given = lowered.get(self.key.lower())
        if given is None:
            return if_exists or quantifier == "ForAllValues" or name in _NEGATIONS
        test = _OPERATORS[_NEGATIONS.get(name, name)]
        given_values = [given] if isinstance(given, str) else given
        hits = [any(test(wanted, value) for wanted in self.values) for value in given_values]
        if name in _NEGATIONS:
            hits = [not hit for hit in hits]
        return all(hits) if quantifier == "ForAllValues" else any(hits)


@dataclass(frozen=True)
class Statement:
    """One statement of a policy."""

    effect: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principals: tuple[str, ...]
    conditions: tuple[Condition, ...]

    def action_pattern(self, action: str) -> str | None:
        """The pattern of the statement that the action fits; actions know no case."""
        for pattern in self.actions:
            if matches(pattern, action, ignore_case=True):
                return pattern
        if self.not_actions and not any(matches(p, action, True) for p in self.not_actions):
            return "not " + ", ".join(self.not_actions)
        return None

    def resource_pattern(self, resource_arn: str) -> str | None:
        """The pattern of the statement that the resource fits."""
        for pattern in self.resources:
            if matches(pattern, resource_arn):
                return pattern
        if self.not_resources and not any(matches(p, resource_arn) for p in self.not_resources):
            return "not " + ", ".join(self.not_resources)
        return None

    def names(self, principal: str) -> bool:
        """Whether the statement's principal is that service or account, or everybody."""
        return principal in self.principals or "*" in self.principals

    def conditions_hold(self, context: Mapping[str, str | list[str]]) -> bool:
        """Whether every condition is satisfied."""
        return all(condition.holds(context) for condition in self.conditions)


def parse_statements(document: Mapping[str, Any], where: str) -> list[Statement]:
    """The statements of a policy document; PolicyError names the place that cannot be checked."""
    statements = document.get("Statement")
    if isinstance(statements, Mapping):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise PolicyError(f"{where}: a policy needs statements")
    return [_statement(s, f"{where}, statement {i + 1}") for i, s in enumerate(statements)]


def _statement(raw: Any, where: str) -> Statement:
    if not isinstance(raw, Mapping):
        raise PolicyError(f"{where}: not an object")
    unknown = set(raw) - _STATEMENT_KEYS
    if unknown:
        raise PolicyError(f"{where}: unknown keys {sorted(unknown)}")
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f"{where}: Effect is Allow or Deny, not {raw.get('Effect')!r}")
    if ("Action" in raw) == ("NotAction" in raw):
        raise PolicyError(f"{where}: one of Action and NotAction")
    if "Principal" not in raw and ("Resource" in raw) == ("NotResource" in raw):
        raise PolicyError(f"{where}: one of Resource and NotResource")
    resources = _words(raw.get("Resource"), where)
    not_resources = _words(raw.get("NotResource"), where)
    if "Principal" in raw and not resources and not not_resources:
        resources = ("*",)
    return Statement(
        effect=raw["Effect"],
        actions=_words(raw.get("Action"), where),
        not_actions=_words(raw.get("NotAction"), where),
        resources=resources,
        not_resources=not_resources,
        principals=_principals(raw.get("Principal"), where),
        conditions=_conditions(raw.get("Condition") or {}, where),
    )


def _words(value: Any, where: str) -> tuple[str, ...]:
    words = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise PolicyError(f"{where}: expected a string or a list of strings, got {value!r}")
    for word in words:
        if "${" in word:
            raise PolicyError(f"{where}: policy variables are not supported: {word}")
    return tuple(words)


def _principals(principal: Any, where: str) -> tuple[str, ...]:
    if principal is None:
        return ()
    if principal == "*":
        return ("*",)
    if not isinstance(principal, Mapping) or set(principal) - {"Service", "AWS"}:
        raise PolicyError(f"{where}: cannot check the principal {principal!r}")
    return _words(principal.get("AWS"), where) + _words(principal.get("Service"), where)


def _conditions(raw: Mapping[str, Any], where: str) -> tuple[Condition, ...]:
    conditions = []
    for operator, tests in raw.items():
        quantifier, _, rest = operator.rpartition(":")
        name = rest.removesuffix("IfExists")
        known = name in _OPERATORS or name in _NEGATIONS
        if quantifier not in ("", "ForAllValues", "ForAnyValue") or not known:
            raise PolicyError(f"{where}: condition operator {operator} is not supported")
        for key, values in tests.items():
            if key.lower() not in {supplied.lower() for supplied in SUPPLIED_KEYS}:
                raise PolicyError(f"{where}: no call supplies the condition key {key}")
            listed = values if isinstance(values, list) else [values]
            words = [str(v).lower() if isinstance(v, bool) else v for v in listed]
            conditions.append(Condition(operator, key, _words(words, where)))
    return tuple(conditions)
