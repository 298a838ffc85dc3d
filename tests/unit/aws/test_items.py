"""labelloop.aws.items: plain values through DynamoDB and back."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from labelloop.aws.items import from_item, to_item
from tests.unit.account import Account

numbers = st.integers(-(10**30), 10**30) | st.floats(-1e6, 1e6).map(lambda x: round(x, 6))
plain = st.none() | st.booleans() | st.text() | numbers
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def _without_none(value: Any) -> Any:
    """As it comes back: a map leaves out what is None."""
    if isinstance(value, dict):
        return {name: _without_none(part) for name, part in value.items() if part is not None}
    return [_without_none(part) for part in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(), values, max_size=5))
def test_what_is_written_is_read(record: dict[str, Any]) -> None:
    assert from_item(to_item(record)) == _without_none(record)


def test_an_item_is_one_that_dynamodb_takes(account: Account) -> None:
    dynamodb = account.boto3("dynamodb")
    record = {"kind": "state", "name": "x", "pct": 99.9, "list": [{"a": 1.5}], "no": None, "": ""}
    del record[""]
    dynamodb.put_item(TableName="label-loop-ModelVersionsTable", Item=to_item(record))
    (item,) = account.items("ModelVersionsTable")
    assert from_item(item) == _without_none(record)


def test_a_set_comes_back_sorted() -> None:
    assert from_item({"keys": {"SS": ["b", "a"]}}) == {"keys": ["a", "b"]}
