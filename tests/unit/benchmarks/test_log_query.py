"""The measurement of questions in SQL: that it asks what the command asks."""

from benchmarks import log_query
from cli.query import saved


def test_each_saved_query_reads_its_days_alone_and_says_the_same_of_one_file() -> None:
    *rows, sizes = log_query.run(detections=3000, files_a_day=1)
    assert [row["query"] for row in rows] == list(saved.all_queries())
    assert {(row["days_read"], row["days"]) for row in rows} == {(saved.DAYS, log_query.DAYS)}
    assert all(row["rows"] for row in rows)
    assert sizes["files"] == log_query.DAYS
