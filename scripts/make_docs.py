"""``make docs``: writes the documentation's generated parts, and the template's, which say what SQL
asks, each between its markers, openapi.json, and what the command line knows of the template, which
is not installed with it.

``--check`` writes nothing and fails when they are not up to date; ``make lint`` calls it so.
"""

import json
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from cli.query import archive_tables as tables
from cli.query import saved
from labelloop.domain import metrics
from labelloop.domain.parameters import CATALOGUE
from scripts import openapi

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
EVENTS = ROOT / "events/out"
PARTS = {
    "api.md": ("events",),
    "operating.md": ("parameters", "metrics", "alarms"),
    "limits-and-aws.md": ("deployment", "outputs"),
    "reviewing.md": ("keys",),
}
"""Which page of the documentation has which."""
TEMPLATE = ROOT / "template.yaml"
LONGEST_LINE = 140
KEYS = ROOT / "console/src/review/keys/keys.ts"
OPENAPI = ROOT / "functions/serve_console/openapi.json"
OUTPUTS = ROOT / "cli/doctor/outputs.txt"
"""Those that every stack of this release has."""


class DocsError(Exception):
    """A page has not what this script writes between."""


def main(arguments: list[str]) -> None:
    """Write the parts, or check them."""
    written = TEMPLATE.read_text(encoding="utf-8")
    template = yaml_parse(written)
    described = json.dumps(openapi.document(), indent=2, ensure_ascii=False) + "\n"
    always = sorted(n for n, output in template["Outputs"].items() if "Condition" not in output)
    wanted = {OPENAPI: described, OUTPUTS: "".join(f"{name}\n" for name in always)}
    page = TEMPLATE.name
    try:
        wanted[TEMPLATE] = with_parts(written, for_sql())
        page = KEYS.name
        made = parts(template)
        for page, names in PARTS.items():
            text = (DOCS / page).read_text(encoding="utf-8")
            wanted[DOCS / page] = with_parts(text, {name: made[name] for name in names})
    except DocsError as error:
        sys.exit(f"{page} {error}")
    for path, content in wanted.items():
        if path.exists() and path.read_text(encoding="utf-8") == content:
            continue
        if "--check" in arguments:
            sys.exit(f"{path.name} is not up to date with template or code: run make docs.")
        path.write_text(content, encoding="utf-8")


def parts(template: dict[str, Any]) -> dict[str, str]:
    """Every generated part by the name in its markers."""
    return {
        "parameters": operators_parameters(),
        "deployment": _table(
            ("Parameter", "Default", "Values", "Meaning"),
            [
                (f"`{name}`", _code(entry["Default"]), _values(entry), entry["Description"])
                for name, entry in template["Parameters"].items()
            ],
        ),
        "outputs": _table(
            ("Output", "What it is"),
            [(f"`{name}`", entry["Description"]) for name, entry in template["Outputs"].items()],
        ),
        "metrics": _table(
            ("Metric", "Unit", "By", "What it is"),
            [
                (f"`{metric.name}`", metric.unit, ", ".join(metric.dimensions), metric.meaning)
                for metric in metrics.CATALOGUE
            ],
        ),
        "alarms": _table(
            ("Alarm", "What has happened, and what to do"),
            [
                (f"`{name}`", resource["Properties"]["AlarmDescription"])
                for name, resource in template["Resources"].items()
                if resource["Type"] == "AWS::CloudWatch::Alarm"
            ],
        ),
        "events": events([json.loads(path.read_text()) for path in sorted(EVENTS.glob("*.json"))]),
        "keys": keys(KEYS.read_text(encoding="utf-8")),
    }


def for_sql() -> dict[str, str]:
    """The template's parts that say what SQL may ask, by the names in their markers."""
    view = {
        "originalSql": _without_comments(tables.view()),
        "catalog": "awsdatacatalog",
        "schema": "${LogDatabase}",
        "columns": [
            {"name": name, "type": kind.lower()}
            for name, kind in tables.typed(tables.DETECTIONS, "trino").items()
        ],
    }
    words = textwrap.wrap(
        json.dumps(view), LONGEST_LINE, break_long_words=False, break_on_hyphens=False
    )
    return {
        "states_columns": _columns(tables.STATES, partition=False),
        "view_columns": _columns(tables.DETECTIONS, partition=True),
        "view": f"{' ' * 12}- Fn::Base64: !Sub >-\n" + textwrap.indent("\n".join(words), " " * 16),
        "queries": "\n\n".join(map(_named_query, saved.all_queries().values())) + "\n",
    }


def _columns(table: str, *, partition: bool) -> str:
    lines = []
    for name, kind in tables.columns(table).items():
        if partition or name != tables.DAY:
            line = f'- {{ Name: {name}, Type: "{kind}" }}'
            lines.append(line if len(line) < LONGEST_LINE else f"- Name: {name}\n  Type: {kind}")
    return textwrap.indent("\n".join(lines), " " * 12)


def _named_query(query: saved.SavedQuery) -> str:
    name = "".join(word.capitalize() for word in query.name.split("_"))
    text = query.filled(str(saved.DAYS), "${InferenceUnitHourPrice}")
    substitution = "!Sub " if "${" in text else ""
    return f"""  {name}Query:
    Type: AWS::Athena::NamedQuery
    Properties:
      Name: {query.name}
      Description: >-
{textwrap.indent(textwrap.fill(query.meaning, 112), " " * 8)}
      Database: !Ref LogDatabase
      WorkGroup: !Ref QueryWorkgroup
      QueryString: {substitution}|
{textwrap.indent(_without_comments(text).rstrip(), " " * 8)}"""


def _without_comments(sql: str) -> str:
    return "".join(line for line in sql.splitlines(keepends=True) if not line.startswith("--"))


def operators_parameters() -> str:
    """The table of what the operator may change while it runs."""
    return _table(
        ("Parameter", "Default", "Values", "Meaning"),
        [
            (f"`{parameter.name}`", _code(parameter.default), parameter.values, parameter.meaning)
            for parameter in CATALOGUE
        ],
    )


_OF_ALL_EVENTS = {"schema_version", "event_id", "stack"}


def events(schemas: list[dict[str, Any]]) -> str:
    """The table of what programs may follow, of the schemas of events."""
    return _table(
        ("`detail-type`", "When", "`detail`"),
        [
            (
                schema["title"],
                schema["description"],
                "<br>".join(
                    f"`{name}`: {field['description']}"
                    for name, field in schema["properties"]["detail"]["properties"].items()
                    if name not in _OF_ALL_EVENTS
                ),
            )
            for schema in schemas
        ],
    )


def keys(source: str) -> str:
    """The page's own table of keys, of its source. Raises DocsError for what it cannot read."""
    table = _once(r"^const TABLE = \[\n(.*?)^\] as const satisfies", source)
    row = r"^  \{\n.*?^  \},\n"
    if rest := re.sub(row, "", table, flags=re.MULTILINE | re.DOTALL).strip():
        raise DocsError(f"has what is no row of its table: {rest}")
    rows: list[tuple[str, ...]] = []
    for text in re.findall(row, table, re.MULTILINE | re.DOTALL):
        key, words = (_once(rf'\b{name}: "([^"\\]*)"', text) for name in ("key", "words"))
        name = _once(r"\bkinds: (\w+)", text)
        kinds = _once(rf"^const {name} = \[(.*?)\] as const;", source)
        rows.append((f"`{key}`", kinds.replace('"', ""), words))
    return _table(("Key", "`ModelType`", "Does"), rows)


def _once(pattern: str, text: str) -> str:
    found = re.findall(pattern, text, re.MULTILINE | re.DOTALL)
    if len(found) != 1:
        raise DocsError(f"has {len(found)} times what it needs once, {pattern}, in: {text.strip()}")
    return str(found[0])


def with_parts(text: str, contents: dict[str, str]) -> str:
    """The text with each part between its markers. Raises DocsError where markers are missing."""
    for name, content in contents.items():
        pattern = rf"(<!-- {name}:begin -->\n).*?([ #]*<!-- {name}:end -->)"
        text, found = re.subn(pattern, _around(content), text, flags=re.DOTALL)
        if found != 1:
            raise DocsError(
                f"has {found} places for the part {name}; it needs one, between "
                f"<!-- {name}:begin --> and <!-- {name}:end -->."
            )
    return text


def _around(content: str) -> Callable[[re.Match[str]], str]:
    return lambda markers: f"{markers[1]}{content}\n{markers[2]}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _code(value: Any) -> str:
    return f"`{value}`" if str(value) else "(empty)"


def _values(entry: dict[str, Any]) -> str:
    if "AllowedValues" in entry:
        return ", ".join(str(value) for value in entry["AllowedValues"])
    if "MinValue" in entry:
        return f"{entry['MinValue']} to {entry['MaxValue']}"
    if "AllowedPattern" in entry:
        what = "an e-mail address" if "@" in entry["AllowedPattern"] else "a name"
        return f"{what}, or empty"
    return "names, comma separated" if entry["Type"] == "CommaDelimitedList" else "any text"


if __name__ == "__main__":
    main(sys.argv[1:])
