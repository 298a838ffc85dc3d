"""Questions in SQL to the running application's archive, and the catalog in which it stands."""

import json

import pytest
from botocore.exceptions import ClientError

from labelloop.domain import archive
from tests.stack import Stack
from tests.unit.cli.query import archived

DAY = "2026-02-03"
"""On which the stack has detected nothing itself."""


def test_the_archive_of_the_running_application_is_asked_in_sql(empty_stack: Stack) -> None:
    line = {"detection_id": "a", "detected_at": f"{DAY}T10:00:00.000Z", "outcome": "waiting"}
    states = [
        {**line, "revision": "1"},
        {**line, "revision": "2", "outcome": "confident", "label": "Übergröße"},
    ]
    s3, key = empty_stack.client("s3"), archive.object_key(DAY, "by-hand")
    s3.put_object(Bucket=empty_stack.bucket, Key=key, Body=archived.body(states))
    sql = "SELECT outcome, label, hour(detected_at) AS hour FROM detections WHERE day = '{}'"
    said = empty_stack.labelloop("query", sql.format(DAY), "--json")
    assert said.exit_code == 0, said.output
    found = [{"outcome": "confident", "label": "Übergröße", "hour": 10}]
    assert json.loads(said.stdout) == found
    s3.delete_object(Bucket=empty_stack.bucket, Key=key)


def test_the_catalog_has_the_table_and_the_view(empty_stack: Stack) -> None:
    database = empty_stack.outputs["LogDatabase"]
    answer = empty_stack.client("glue").get_tables(DatabaseName=database)
    assert {table["Name"]: table["TableType"] for table in answer["TableList"]} == {
        "detection_states": "EXTERNAL_TABLE",
        "detections": "VIRTUAL_VIEW",
    }


def test_athena_itself_answers_nothing_here_rather_than_something_false(empty_stack: Stack) -> None:
    athena = empty_stack.client("athena")
    assert empty_stack.outputs["QueryWorkgroup"] in {
        group["Name"] for group in athena.list_work_groups()["WorkGroups"]
    }
    with pytest.raises(ClientError, match="has no athena"):
        athena.start_query_execution(QueryString="SELECT 1")
