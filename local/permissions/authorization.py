"""Who may do what: the stack's own policies, applied to every call as IAM would.

The template's roles and policies are given to an Authorizer as they are created. It decides each
call in IAM's order (explicit deny, allow, implicit deny), and notes every pattern of action and
resource that allowed something, so that permissions nobody uses can be reported.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.permissions.policy_documents import Condition, PolicyError, Statement, parse_statements

Context = Mapping[str, str | list[str]]

# AWS's own policies, as far as templates attach them by name. They cannot be trimmed, so what they
# leave unused is not reported.
_AWS_MANAGED: dict[str, dict[str, Any]] = {
    "service-role/AWSLambdaBasicExecutionRole": {
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    },
    "service-role/AWSLambdaSQSQueueExecutionRole": {
        "Action": [
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        ],
    },
    "AWSXrayWriteOnlyAccess": {
        "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSampling*"],
    },
    "AWSXRayDaemonWriteAccess": {
        "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSampling*"],
    },
}


@dataclass(frozen=True)
class Decision:
    """Whether the call is allowed, and AWS's words when it is not."""

    allowed: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.allowed


_ALLOWED = Decision(True)


@dataclass
class Role:
    """A role as the template defines it."""

    arn: str
    logical_id: str
    trust: list[Statement]
    policies: dict[str, list[Statement]] = field(default_factory=dict)

    @property
    def statements(self) -> Iterable[Statement]:
        """Every statement of every policy of the role."""
        for statements in self.policies.values():
            yield from statements


class Authorizer:
    """The stack's roles and resource policies."""

    def __init__(
        self, account_id: str, find_other: Callable[[str], Role | None] = lambda _: None
    ) -> None:
        """``find_other`` looks up roles that are not the stack's; it may raise PolicyError."""
        self._account_id = account_id
        self._find_other = find_other
        self._roles: dict[str, Role] = {}
        self._resource_policies: dict[str, dict[str, list[Statement]]] = {}
        self._cache: dict[tuple[str, str, str], Decision] = {}
        self._used: set[tuple[str, str, int, str, str]] = set()
        self._retired: list[dict[str, Any]] = []
        self._refused: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    # Roles

    def add_role(self, role_arn: str, logical_id: str, trust_policy: Mapping[str, Any]) -> None:
        """A role without permissions yet."""
        trust = parse_statements(trust_policy, f"{logical_id}.AssumeRolePolicyDocument")
        with self._lock:
            self._roles[role_arn] = Role(role_arn, logical_id, trust)
            self._cache.clear()

    def put_policy(self, role_arn: str, name: str, document: Mapping[str, Any]) -> None:
        """Give the role a policy, in the place of its earlier one of that name."""
        role = self._role(role_arn)
        statements = parse_statements(document, f"{role.logical_id}.{name}")
        with self._lock:
            role.policies[name] = statements
            self._cache.clear()

    def attach_managed(self, role_arn: str, policy_arn: str) -> None:
        """Attach one of AWS's own policies."""
        name = policy_arn.split(":policy/", 1)[-1]
        if name not in _AWS_MANAGED:
            raise PolicyError(
                f"{policy_arn}: not known; add it to local/permissions/authorization.py"
            )
        statement = {"Effect": "Allow", "Resource": "*", **_AWS_MANAGED[name]}
        self.put_policy(role_arn, policy_arn, {"Statement": [statement]})

    def remove_policy(self, role_arn: str, name: str) -> None:
        """Take the policy from the role; what was used of it is still reported."""
        with self._lock:
            role = self._roles.get(role_arn)
            if role is not None:
                self._retired += [entry for entry in self._report(role) if entry["policy"] == name]
                role.policies.pop(name, None)
            self._cache.clear()

    def remove_role(self, role_arn: str) -> None:
        """The role is gone; what it used is still reported."""
        with self._lock:
            role = self._roles.pop(role_arn, None)
            if role is not None:
                self._retired += self._report(role)
            self._cache.clear()

    def trusts(self, role_arn: str, service: str, context: Context | None = None) -> bool:
        """Whether the service may assume the role."""
        return self._may_assume((service,), role_arn, context or {})

    def trusts_account(self, role_arn: str) -> bool:
        """Whether the account's administrators may assume the role."""
        root = f"arn:aws:iam::{self._account_id}:root"
        return self._may_assume((root, self._account_id), role_arn, {})

    def _may_assume(self, names: Iterable[str], role_arn: str, context: Context) -> bool:
        role = self._roles.get(role_arn) or self._find_other(role_arn)
        return role is not None and any(
            statement.effect == "Allow"
            and any(map(statement.names, names))
            and statement.action_pattern("sts:AssumeRole") is not None
            and statement.conditions_hold(context)
            for statement in role.trust
        )

    # Decisions

    def check(
        self, role_arn: str, action: str, resource_arn: str, context: Context | None = None
    ) -> Decision:
        """Whether the role may do the action on the resource."""
        key = (role_arn, action, resource_arn)
        if not context:
            cached = self._cache.get(key)
            if cached is not None:
                return cached
        role = self._roles.get(role_arn)
        if role is None:
            return self._check_other(role_arn, action, resource_arn, context or {})
        decision = self._decide(role, action, resource_arn, context or {})
        if not decision:
            with self._lock:
                self._refused.add((role.logical_id, action, resource_arn))
        if not context:
            if len(self._cache) > 50_000:
                self._cache.clear()
            self._cache[key] = decision
        return decision

    def _check_other(
        self, role_arn: str, action: str, resource_arn: str, context: Context
    ) -> Decision:
        try:
            role = self._find_other(role_arn)
        except PolicyError as error:
            return Decision(False, f"because the embedded runtime cannot check a policy: {error}")
        if role is None:
            return Decision(False, f"because the role {role_arn} does not exist")
        return self._decide(role, action, resource_arn, context)

    def _decide(self, role: Role, action: str, resource_arn: str, context: Context) -> Decision:
        allowed = False
        for name, statements in role.policies.items():
            for index, statement in enumerate(statements):
                action_pattern = statement.action_pattern(action)
                resource_pattern = statement.resource_pattern(resource_arn)
                if action_pattern is None or resource_pattern is None:
                    continue
                if not statement.conditions_hold(context):
                    continue
                if statement.effect == "Deny":
                    return Decision(False, "with an explicit deny in an identity-based policy")
                allowed = True
                use = (role.arn, name, index, action_pattern, resource_pattern)
                if use not in self._used:
                    with self._lock:
                        self._used.add(use)
        if allowed:
            return _ALLOWED
        return Decision(False, f"because no identity-based policy allows the {action} action")

    # Resource policies: queues, topics and functions say which services may use them

    def put_resource_policy(
        self, resource_arn: str, name: str, document: Mapping[str, Any]
    ) -> None:
        """Let the resource's owner say who may use it."""
        statements = parse_statements(document, name)
        with self._lock:
            self._resource_policies.setdefault(resource_arn, {})[name] = statements

    def remove_resource_policy(self, resource_arn: str, name: str) -> None:
        """Take the policy from the resource."""
        with self._lock:
            self._resource_policies.get(resource_arn, {}).pop(name, None)

    def check_service_principal(
        self,
        service: str,
        action: str,
        resource_arn: str,
        source_arn: str | None = None,
        source_account: str | None = None,
    ) -> Decision:
        """Whether the resource's own policy lets the service do the action."""
        context: dict[str, str | list[str]] = {
            "aws:SourceAccount": source_account or self._account_id,
            "aws:PrincipalServiceName": service,
        }
        if source_arn is not None:
            context["aws:SourceArn"] = source_arn
        allowed = False
        for statements in self._resource_policies.get(resource_arn, {}).values():
            for statement in statements:
                if (
                    not statement.names(service)
                    or statement.action_pattern(action) is None
                    or statement.resource_pattern(resource_arn) is None
                    or not statement.conditions_hold(context)
                ):
                    continue
                if statement.effect == "Deny":
                    return Decision(False, "with an explicit deny in a resource-based policy")
                allowed = True
        if allowed:
            return _ALLOWED
        return Decision(
            False,
            f"{service} is not authorized to perform: {action} on resource: {resource_arn} "
            f"because no resource-based policy allows the {action} action",
        )

    # What was used

    def permissions(self) -> list[dict[str, Any]]:
        """Every role's pairs of action and resource pattern, and whether each was used."""
        with self._lock:
            entries = list(self._retired)
            for role in self._roles.values():
                entries += self._report(role)
        return entries

    def unused(self) -> list[dict[str, Any]]:
        """The template's permissions that allowed nothing so far; AWS's own policies left out."""
        return [p for p in self.permissions() if not p["used"] and not p["managed"]]

    def refused(self) -> list[dict[str, Any]]:
        """What a role of the stack asked for and was not allowed, each action and resource once."""
        with self._lock:
            refused = sorted(self._refused)
        return [
            {"role": role, "action": a, "resource": r, "refused": True} for role, a, r in refused
        ]

    def append_permissions(self, path: Path) -> None:
        """Add a line for each permission and refusal to the file, so that runtimes can be summed.

        Names differ from one deployment to the next; a permission's ``place`` does not.
        """
        entries = [*self.permissions(), *self.refused()]
        lines = "".join(json.dumps(entry) + "\n" for entry in entries)
        # In one write: other runtimes may do the same now.
        with path.open("ab", buffering=0) as file:
            file.write(lines.encode())

    def _report(self, role: Role) -> list[dict[str, Any]]:
        return [
            {
                "role": role.logical_id,
                "policy": name,
                "effect": statement.effect,
                "place": [index, number],
                "action": action,
                "resource": resource,
                "managed": ":aws:policy/" in name,
                "used": (role.arn, name, index, action, resource) in self._used,
            }
            for name, statements in role.policies.items()
            for index, statement in enumerate(statements)
            if statement.effect == "Allow"
            for action in statement.actions
            for number, resource in enumerate(statement.resources)
        ]

    def _role(self, role_arn: str) -> Role:
        role = self._roles.get(role_arn)
        if role is None:
            raise PolicyError(f"there is no role {role_arn}")
        return role


__all__ = ["Authorizer", "Condition", "Context", "Decision", "PolicyError", "Role"]
