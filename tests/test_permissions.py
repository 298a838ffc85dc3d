"""Least privilege: each permission of the template is used, and each call is permitted.

It adds up what the stacks have noted that other tests launched: ``make test-stack`` runs it after
them, and says where that is.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.stack import PERMISSIONS_LOG

EXPLAINED = {
    ("StartTrainingFunctionRole", action, "/manifests/training/*"): (
        "The datasets are made of these manifests before the training is asked for. Whether it "
        "reads them once more is not documented; one that may not would fail after hours."
    )
    for action in ("s3:GetObject", "s3:GetObjectAcl", "s3:GetObjectVersion", "s3:GetObjectTagging")
}
"""Why what nothing here can use is given all the same: by role, action and end of the resource."""


def _explanation(role: str, action: str, resource: str) -> str | None:
    for (of_role, of_action, end), why in EXPLAINED.items():
        if (role, action) == (of_role, of_action) and resource.endswith(end):
            return why
    return None


@pytest.fixture(scope="module")
def permissions() -> list[dict[str, Any]]:
    """Each stack's roles' permissions, used or not, and what was refused."""
    lines = Path(PERMISSIONS_LOG).read_text(encoding="utf-8").splitlines()
    noted = [json.loads(line) for line in lines]
    if not noted:
        pytest.skip("no stack has noted its permissions: make test-stack")
    return noted


def test_every_permission_is_used_by_a_test_or_explained(permissions: list[dict[str, Any]]) -> None:
    used: dict[str, bool] = {}
    explained: set[str] = set()
    for noted in permissions:
        if noted.get("managed") is False:
            # The resource's name differs from stack to stack; its place in the policy does not.
            statement, resource = noted["place"]
            name = (
                f"{noted['role']}, {noted['policy']}: statement {statement}, {noted['action']}, "
                f"resource {resource}"
            )
            used[name] = used.get(name, False) or noted["used"]
            if _explanation(noted["role"], noted["action"], noted["resource"]):
                explained.add(name)
    assert used
    unused = {name for name, once in used.items() if not once}
    missing = sorted(unused - explained)
    assert not missing, "\n".join(["no test uses:", *missing])
    assert len(explained) == len(EXPLAINED)
    needless = sorted(explained - unused)
    assert not needless, "\n".join(["explained, though a test uses it:", *needless])


def test_every_call_is_permitted(permissions: list[dict[str, Any]]) -> None:
    refused = {
        f"{noted['role']}: {noted['action']} on {noted['resource']}"
        for noted in permissions
        if noted.get("refused")
    }
    assert not refused, "\n".join(["refused:", *sorted(refused)])
