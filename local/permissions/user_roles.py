"""Roles that somebody makes by IAM's API, as AWS's tutorials have people do.

Those of the template are the authoriser's own. These are moto's, with AWS's managed policies, and
are looked up for each call: they may change at any time.
"""

from __future__ import annotations

import json
import sys
from urllib.parse import unquote

from local.constants import ACCOUNT_ID
from local.permissions.authorization import Role
from local.permissions.policy_documents import parse_statements


def find(role_arn: str) -> Role | None:
    """The role with its policies; None when nobody has made it.

    Raises PolicyError for a policy that cannot be checked here.
    """
    iam = sys.modules.get("moto.iam.models")
    if iam is None:
        return None  # nobody has called IAM yet, and loading it takes long
    found = [r for r in iam.iam_backends[ACCOUNT_ID]["aws"].get_roles() if r.arn == role_arn]
    if not found:
        return None
    documents = dict(found[0].policies)
    for policy in found[0].managed_policies.values():
        (documents[policy.arn],) = [v.document for v in policy.versions if v.is_default]
    name = found[0].name
    trust = parse_statements(_document(found[0].assume_role_policy_document), f"{name}'s trust")
    role = Role(role_arn, name, trust)
    for policy_name, text in documents.items():
        role.policies[policy_name] = parse_statements(_document(text), f"{name}.{policy_name}")
    return role


def _document(text: str) -> dict[str, object]:
    document: dict[str, object] = json.loads(unquote(text) if text[:1] == "%" else text)
    return document
