"""The operations on project policies; ``service`` hands them their requests.

A policy lets another account copy a project's models. There is one account here, so nobody needs
one; what the guide forbids in a policy is refused, so that it will be taken on AWS
(md-create-project-policy-document).
"""

import json
import secrets
from collections.abc import Callable
from typing import Any

from local.rekognition.account_resources import Account, not_found
from local.rekognition.paging import page
from local.rekognition.resources import Json
from local.rekognition.service_error import ServiceError

DEFAULT_PAGE_SIZE = 5
_NEEDED = ("Effect", "Principal", "Action", "Resource")
_FORBIDDEN = ("NotAction", "NotResource", "NotPrincipal")
_ACTION = "rekognition:CopyProjectVersion"


class PolicyOperations:
    """Attaches policies to projects, and shows and takes them."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.operations: dict[str, Callable[[Json], Json]] = {
            "PutProjectPolicy": self._put_project_policy,
            "ListProjectPolicies": self._list_project_policies,
            "DeleteProjectPolicy": self._delete_project_policy,
        }

    def _put_project_policy(self, request: Json) -> Json:
        _check_document(request["PolicyDocument"])
        name, given = request["PolicyName"], request.get("PolicyRevisionId")
        with self._account.lock:
            project = self._account.project(request["ProjectArn"])
            known = project.policies.get(name)
            if known and given is None:
                message = f"There is a policy {name}: give its PolicyRevisionId to change it."
                raise ServiceError("ResourceAlreadyExistsException", message)
            _check_revision(known, given)
            now = self._account.clock()
            project.policies[name] = {
                "ProjectArn": project.arn,
                "PolicyName": name,
                "PolicyRevisionId": secrets.token_hex(16),
                "PolicyDocument": request["PolicyDocument"],
                "CreationTimestamp": known["CreationTimestamp"] if known else now,
                "LastUpdatedTimestamp": now,
            }
            return {"PolicyRevisionId": project.policies[name]["PolicyRevisionId"]}

    def _list_project_policies(self, request: Json) -> Json:
        with self._account.lock:
            found = list(self._account.project(request["ProjectArn"]).policies.values())
        sized = {"MaxResults": DEFAULT_PAGE_SIZE, **request}
        return page(sized, found, "ProjectPolicies", ("ProjectArn",))

    def _delete_project_policy(self, request: Json) -> Json:
        with self._account.lock:
            project = self._account.project(request["ProjectArn"])
            known = project.policies.get(request["PolicyName"])
            if known is None:
                raise not_found("project policy", request["PolicyName"])
            if "PolicyRevisionId" in request:
                _check_revision(known, request["PolicyRevisionId"])
            del project.policies[request["PolicyName"]]
        return {}


def _check_revision(known: Json | None, given: str | None) -> None:
    """Raises InvalidPolicyRevisionIdException where the revision is not the one that is there."""
    if given != (known["PolicyRevisionId"] if known else None):
        message = f"The policy has no revision {given}."
        raise ServiceError("InvalidPolicyRevisionIdException", message)


def _check_document(text: str) -> None:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _malformed(f"it is no JSON: {error}") from error
    statements = document.get("Statement") if isinstance(document, dict) else None
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise _malformed("it has no Statement")
    for statement in statements:
        _check_statement(statement)


def _check_statement(statement: Any) -> None:
    if not isinstance(statement, dict):
        raise _malformed("a statement is no object")
    for name in _NEEDED:
        if not statement.get(name):
            raise _malformed(f"a statement has no {name}")
    for name in _FORBIDDEN:
        if name in statement:
            raise _malformed(f"{name} must not be in it")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise _malformed("Effect is neither Allow nor Deny")
    if statement["Action"] not in (_ACTION, [_ACTION]):
        raise _malformed(f"the only action that it can allow is {_ACTION}")


def _malformed(why: str) -> ServiceError:
    return ServiceError(
        "MalformedPolicyDocumentException", f"The policy document is malformed: {why}."
    )
