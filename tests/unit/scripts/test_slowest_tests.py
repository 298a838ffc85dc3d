"""Where the time of the tests went, from what pytest noted of each part."""

from pathlib import Path

from scripts.slowest_tests import slowest

FAST = """<testsuites><testsuite>
<testcase classname="tests.unit.test_a" name="test_quick" time="0.5"/>
<testcase classname="tests.unit.test_a.TestIt" name="test_slow" time="7.25"/>
</testsuite></testsuites>"""
STACK = """<testsuites><testsuite>
<testcase classname="tests.workflow.test_b" name="test_whole" time="7.5"><failure/></testcase>
</testsuite></testsuites>"""


def test_files_and_tests_of_all_parts_are_listed_the_slowest_first(tmp_path: Path) -> None:
    (tmp_path / "fast.xml").write_text(FAST, encoding="utf-8")
    (tmp_path / "stack.xml").write_text(STACK, encoding="utf-8")
    assert [" ".join(line.split()) for line in slowest(tmp_path)] == [
        "15.2 s in all, most of them in these files:",
        "7.8 s tests.unit.test_a",
        "7.5 s tests.workflow.test_b",
        "and in these tests:",
        "7.5 s tests.workflow.test_b: test_whole",
        "7.2 s tests.unit.test_a: TestIt: test_slow",
        "0.5 s tests.unit.test_a: test_quick",
    ]


def test_before_any_test_has_run_there_is_nothing_to_list(tmp_path: Path) -> None:
    assert slowest(tmp_path / "nowhere") == []
