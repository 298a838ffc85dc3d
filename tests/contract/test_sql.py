"""The tables and queries of the template, which Glue and Athena have, against the code's own."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp, parse_one

from cli.query import archive_tables, saved
from labelloop.domain import archive
from local.stack.template import load
from tests.contract import files

RESOURCES = load(files.ROOT / "template.yaml", {}).resources
QUERIES = {
    resource["Properties"]["Name"]: resource["Properties"]
    for resource in RESOURCES.values()
    if resource["Type"] == "AWS::Athena::NamedQuery"
}


def _table(name: str) -> dict[str, Any]:
    given: dict[str, Any] = RESOURCES[name]["Properties"]["TableInput"]
    return given


def _columns(table: dict[str, Any]) -> dict[str, str]:
    return {one["Name"]: one["Type"] for one in table["StorageDescriptor"]["Columns"]}


def _same(one: str, other: str) -> bool:
    return parse_one(one, dialect="trino") == parse_one(other, dialect="trino")


def test_the_table_lies_where_the_archive_is_written_and_has_its_columns() -> None:
    table = _table("ArchivedStates")
    location = {"Fn::Sub": f"s3://${{Bucket}}/{archive.FOLDER}"}
    assert table["StorageDescriptor"]["Location"] == location
    day = archive.object_key("${!day}", "x").removesuffix("x.jsonl.gz")
    template = table["Parameters"]["storage.location.template"]
    assert template == {"Fn::Sub": f"s3://${{Bucket}}/{day}"}
    assert table["PartitionKeys"] == [{"Name": "day", "Type": "string"}]
    names = [column.name for column in archive.COLUMNS]
    assert list(_columns(table)) == names
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)


def test_the_view_is_what_athena_keeps_of_one() -> None:
    table = _table("ArchivedDetections")
    before, encoded, after = table["ViewOriginalText"]["Fn::Join"][1]
    assert (before, after) == ("/* Presto View: ", " */")
    view = json.loads(encoded["Fn::Base64"]["Fn::Sub"].replace("${LogDatabase}", "label_loop"))
    assert view["schema"] == "label_loop" and view["catalog"] == "awsdatacatalog"
    assert _same(view["originalSql"], archive_tables.view())
    query = parse_one(view["originalSql"], dialect="trino")
    assert isinstance(query, exp.Query)
    selected = query.named_selects
    assert selected == [column["name"] for column in view["columns"]]
    assert selected == list(_columns(table))
    for column in view["columns"]:
        hive = exp.DataType.build(_columns(table)[column["name"]], dialect="hive")
        assert hive.sql("trino").lower() == column["type"]


@pytest.mark.parametrize("name", saved.all_queries())
def test_a_saved_query_is_athenas_too(name: str) -> None:
    query, given = saved.all_queries()[name], QUERIES[name]["QueryString"]
    text = given if isinstance(given, str) else given["Fn::Sub"]
    assert "30" in text
    here = query.filled("30", "4.00")
    assert _same(text.replace("${InferenceUnitHourPrice}", "4.00"), here)
    assert QUERIES[name]["Description"] == query.meaning


def test_athena_has_no_other_queries_and_the_page_about_them_names_each() -> None:
    assert set(QUERIES) == set(saved.all_queries())
    page = Path(files.ROOT / "docs/operating.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in QUERIES)


def test_what_athena_answers_expires() -> None:
    configuration = RESOURCES["QueryWorkgroup"]["Properties"]["WorkGroupConfiguration"]
    place = configuration["ResultConfiguration"]["OutputLocation"]["Fn::Sub"]
    rules = RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    (rule,) = (rule for rule in rules if rule.get("Id") == "QueryAnswers")
    assert place == f"s3://${{Bucket}}/{rule['Prefix']}"
    assert rule["ExpirationInDays"] and rule["NoncurrentVersionExpiration"]
    assert not archive.FOLDER.startswith(rule["Prefix"])


def test_what_a_day_cost_is_by_the_prices_that_the_page_about_costs_tells() -> None:
    page = Path(files.ROOT / "docs/costs.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"\| \*\*together\*\* \|(.*)\|", page)
    none, _, everything = (float(cell.strip(" *")) for cell in row.split("|"))
    text = saved.all_queries()["cost_by_day"].text
    assert f"count(*) * {none:.2f}e-6" in text
    assert f"count(human_loop) * {everything - none:.2f}e-6" in text
