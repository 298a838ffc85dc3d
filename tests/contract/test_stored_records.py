"""What is stored in the tables is known to the layer's gateways alone, whoever reads or writes."""

import ast
import dataclasses
import importlib
import re
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from labelloop.settings import OUTPUTS
from tests.contract import files

ROOT = Path(__file__).parents[2]
GATEWAYS = ROOT / "layers/common/labelloop/aws"
OTHERS = sorted(
    path.relative_to(ROOT).as_posix()
    for room in ("cli", "local")
    for path in (ROOT / room).rglob("*.py")
)
IMITATES_DYNAMODB = {"local/permissions/actions.py", "local/stack/resources/storage.py"}
"""They speak the service's own language, and know no table of ours."""
REQUEST = re.compile(
    r"client\(\s*\"dynamodb\"|TableName|IndexName|ProjectionExpression|FilterExpression|"
    r"ConditionExpression|UpdateExpression|ExpressionAttribute"
)
SAID_ELSEWHERE_TOO = {
    *("confidence_pct", "detection_id", "human_label", "human_loop", "left_out", "model_type"),
    *("drift_told", "in_place", "task_id", "test_images", "waiting_images"),
}
"""Words that commands print, executions take or the review API answers, too."""

HAVE_GATEWAYS = re.compile(r"client\(\s*\"(ssm|rekognition|stepfunctions|events|scheduler)\"")
ASK_FOR_WHAT_NO_GATEWAY_DOES = {
    "cli/doctor/account_checks.py": {"rekognition"},  # whether the service is there
    "cli/evaluate/asking.py": {"rekognition"},  # many at once, each refusal in its words
    "cli/executions.py": {"stepfunctions"},  # Standard executions are begun by people alone
    "cli/label.py": {"stepfunctions"},  # what a state of an execution came to
    "cli/imports/manifest_sources.py": {"rekognition"},  # other projects' datasets
    "cli/doctor/model_checks.py": {"rekognition"},  # all projects of the account
    "cli/redrive.py": {"scheduler", "stepfunctions"},  # what a dead letter was meant for
    "cli/schedules.py": {"scheduler", "stepfunctions"},  # how often, and when it last did
    "cli/smoke/leftovers.py": {"rekognition", "ssm", "stepfunctions"},  # nothing else deletes these
    "cli/smoke/serving_steps.py": {"rekognition"},  # a burst, each refusal of which counts
    "cli/smoke/run_report.py": {"rekognition"},  # in which Region
    "cli/smoke/training_steps.py": {"rekognition"},  # all that the service says of a version
}
"""Commands that ask these services themselves, and for what."""


@cache
def gateways_of_tables() -> tuple[ModuleType, ...]:
    """The modules that read and write tables."""
    sources = {path.stem: path.read_text(encoding="utf-8") for path in GATEWAYS.glob("*.py")}
    return tuple(
        importlib.import_module(f"labelloop.aws.{name}")
        for name, source in sorted(sources.items())
        if "import model_versions_table" in source or "_TABLE]" in source
    )


def constants(source: str) -> set[str]:
    """Every text in the code."""
    return {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@cache
def stored_names() -> frozenset[str]:
    """The names of attributes and items, but for those of one word, which may be any other's."""
    keys = {
        entry["AttributeName"]
        for table in files.resources("AWS::DynamoDB::Table").values()
        for entry in table["Properties"]["AttributeDefinitions"]
    }
    said, fields = set[str](), set[str]()
    for gateway in gateways_of_tables():
        said |= constants(Path(str(gateway.__file__)).read_text(encoding="utf-8"))
        records = [one for one in vars(gateway).values() if dataclasses.is_dataclass(one)]
        fields |= {field.name for record in records for field in dataclasses.fields(record)}
    return frozenset(
        name for name in keys | fields | said if re.fullmatch(r"[a-z]+(_[a-z]+)+", name)
    )


@pytest.mark.parametrize("module", OTHERS)
def test_no_other_room_names_what_is_stored_or_asks_for_it_itself(module: str) -> None:
    source = (ROOT / module).read_text(encoding="utf-8")
    assert not constants(source) & (stored_names() - SAID_ELSEWHERE_TOO)
    assert not re.search(r"labelloop\.aws\.items|model_versions_table|boto3\.dynamodb", source)
    if module not in IMITATES_DYNAMODB:
        assert not REQUEST.search(source)


def test_the_names_are_found_where_they_are_stored() -> None:
    some = {"date_id", "outcome_shard", "hosting_pause", "running_since", "since_last"}
    assert stored_names() >= some | SAID_ELSEWHERE_TOO


@pytest.mark.parametrize(("variable", "output"), OUTPUTS.items())
def test_functions_and_commands_have_the_same(variable: str, output: str) -> None:
    variables = [
        *files.shared_environment().items(),
        *(
            given
            for function in files.functions().values()
            for given in function.get("Environment", {}).get("Variables", {}).items()
        ),
    ]
    given = {str(value) for name, value in variables if name == variable}
    assert given == {str(files.template()["Outputs"][output]["Value"])}


def test_commands_ask_services_through_the_gateways_that_there_are() -> None:
    found = {
        module: set(HAVE_GATEWAYS.findall((ROOT / module).read_text(encoding="utf-8")))
        for module in OTHERS
        if module.startswith("cli/")
    }
    asked = {module: services for module, services in found.items() if services}
    assert asked == ASK_FOR_WHAT_NO_GATEWAY_DOES
