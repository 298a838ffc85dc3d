"""Least privilege: each permission of the template is used, and each call is permitted.

Last of all tests, and only with all of them (conftest.py): it adds up what the stacks that they
launched have noted.
"""

from tests.stack import permissions


def test_every_permission_is_used_by_a_test() -> None:
    used: dict[str, bool] = {}
    for noted in permissions():
        if noted.get("managed") is False:
            # The resource's name differs from stack to stack; its place in the policy does not.
            statement, resource = noted["place"]
            name = (
                f"{noted['role']}, {noted['policy']}: statement {statement}, {noted['action']}, "
                f"resource {resource}"
            )
            used[name] = used.get(name, False) or noted["used"]
    assert used
    unused = sorted(name for name, once in used.items() if not once)
    assert not unused, "\n".join(["no test uses:", *unused])


def test_every_call_is_permitted() -> None:
    refused = {
        f"{noted['role']}: {noted['action']} on {noted['resource']}"
        for noted in permissions()
        if noted.get("refused")
    }
    assert not refused, "\n".join(["refused:", *sorted(refused)])
