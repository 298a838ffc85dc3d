"""labelloop.aws.last_look: a look is remembered, and settled while it is the last."""

from dataclasses import replace

from labelloop.aws import last_look
from labelloop.domain.last_look import Look
from labelloop.domain.manifests import Changes
from tests.unit.account import Account


def test_a_look_is_remembered_and_settled_while_it_is_the_last(account: Account) -> None:
    assert last_look.read() is None
    last_look.settle("one")
    assert last_look.read() is None
    one = Look("one", None, Changes(4, 3, 2, 1), 4)
    two = Look("two", "v1", Changes(0, 1, 0, 0), 5)
    last_look.note(one)
    assert last_look.read() == one
    last_look.note(two)
    last_look.settle("one")
    assert last_look.read() == two
    last_look.settle("two")
    assert last_look.read() == replace(two, settled=True)
    last_look.note(one)
    assert last_look.read() == one
