"""Access keys stand for roles, and a key that was taken away never becomes the operator's."""

from __future__ import annotations

import re

import pytest

from local.permissions.identity import Identities, UnknownKeyError

ROLE = "arn:aws:iam::123456789012:role/stack-DetectLabelsFunctionRole-ABC"


def test_a_key_leads_back_to_its_role_and_function() -> None:
    identities = Identities()
    principal = identities.principal(identities.register(ROLE, "DetectLabels"))
    assert principal is not None
    assert principal.role_arn == ROLE
    assert principal.function == "DetectLabels"
    assert principal.session_arn == (
        "arn:aws:sts::123456789012:assumed-role/stack-DetectLabelsFunctionRole-ABC/DetectLabels"
    )


def test_the_roles_own_key_names_no_function() -> None:
    identities = Identities()
    principal = identities.principal(identities.key_for(ROLE))
    assert principal is not None and principal.function is None
    assert identities.key_for(ROLE) != identities.register(ROLE, "DetectLabels")


def test_the_same_caller_keeps_its_key() -> None:
    assert Identities().register(ROLE, "A") == Identities().register(ROLE, "A")


def test_keys_have_the_form_that_moto_reads_from_a_signature() -> None:
    assert re.fullmatch("[A-Z0-9]{20}", Identities().register(ROLE))


def test_a_key_that_was_never_given_out_is_the_operators() -> None:
    assert Identities().principal("AKIAIOSFODNN7EXAMPLE") is None


def test_the_key_of_a_deleted_role_is_refused() -> None:
    identities = Identities()
    key = identities.register(ROLE, "A")
    identities.forget(ROLE)
    with pytest.raises(UnknownKeyError):
        identities.principal(key)
