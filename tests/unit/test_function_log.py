"""labelloop.function_log: a JSON object a line, whatever is written."""

import json
from typing import Any

import pytest

from labelloop.function_log import Log


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_says_who_wrote_it_where_and_when_with_its_facts_as_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = Log("detect_labels")
    log.append_keys(request_id="r-1")
    log.warning("value kept", extra={"parameter": "Größe", "error": ValueError("no number")})
    (line,) = _lines(capsys)
    assert line.pop("timestamp").endswith("+00:00")
    function, number = line.pop("location").split(":")
    assert function == "test_a_line_says_who_wrote_it_where_and_when_with_its_facts_as_fields"
    assert int(number) > 0
    assert line == {
        "level": "WARNING",
        "message": "value kept",
        "service": "detect_labels",
        "request_id": "r-1",
        "parameter": "Größe",
        "error": "no number",
    }


def test_an_exception_is_one_line_too_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        json.loads("[")
    except ValueError:
        Log("detect_labels").exception("custom resource failed")
    (line,) = _lines(capsys)
    assert line["level"] == "ERROR"
    assert line["exception_name"] == "JSONDecodeError"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("Expecting value: line 1 column 2 (char 1)")


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    Log("detect_labels").debug("not this one")
    Log("detect_labels", "DEBUG").debug("this one")
    assert [line["message"] for line in _lines(capsys)] == ["this one"]


def test_the_facts_of_one_line_do_not_go_with_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log("detect_labels")
    log.append_keys(request_id="r-1")
    log.info("first", extra={"version": "v1"})
    log.info("second")
    assert "version" not in _lines(capsys)[1]
