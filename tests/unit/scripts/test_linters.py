"""What becomes of what others' linters find, and the policies that they are given."""

import json
from pathlib import Path

import pytest

from scripts.linters import Explanation, Finding, complaints, explanations
from scripts.policies import policies
from tests.contract.files import ROOT, STEMS, camel

FOUND = [Finding("CKV_1", "ThisFunction", "Ensure it."), Finding("CKV_1", "ThatFunction", "Same.")]


def test_what_nothing_explains_is_told_with_its_resource() -> None:
    explained = [Explanation("CKV_1", ("This*",), "Reason."), Explanation("CKV_2", (), "Other.")]
    assert complaints(FOUND, explained) == ["CKV_1 ThatFunction: Same."]


def test_what_is_explained_and_no_longer_found_is_told() -> None:
    explained = [Explanation("CKV_1", ("*Function", "Gone"), "Reason.")]
    (told,) = complaints(FOUND, explained)
    assert told.startswith("CKV_1 Gone: ") and "no longer found" in told


def test_an_explanation_is_of_its_own_check_alone() -> None:
    assert len(complaints(FOUND[:1], [Explanation("CKV_11", ("*",), "Reason.")])) == 2


def test_an_explanation_without_a_reason_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "explained.yaml"
    file.write_text("- {check: CKV_1, resources: ['*'], reason: ' '}", encoding="utf-8")
    with pytest.raises(ValueError, match="no reason for CKV_1"):
        explanations(file)


def test_every_explanation_has_its_reason() -> None:
    assert explanations()


def test_the_policies_of_every_role_and_resource_are_given_without_intrinsic_functions() -> None:
    found = dict(policies(ROOT / "template.yaml"))
    text = json.dumps(found)
    assert "Fn::" not in text and '"Ref"' not in text
    roles = {name.split(".")[0] for name in found}
    without = {"serve_console", "requeue_review"}
    assert {f"{camel(stem)}FunctionRole" for stem in set(STEMS) - without} <= roles
    assert {"BucketPolicy", "QueuePolicy", "OperatorTopicPolicy", "AskWorkersPolicy"} <= roles
    arns = {
        resource
        for document in found.values()
        for statement in document["Statement"]
        for resource in [statement["Resource"]]
        if isinstance(resource, str)
    }
    assert all(arn == "*" or arn.startswith("arn:aws:") for arn in arns)
