"""What is stored in the tables is known to the layer's gateways alone, whoever reads or writes."""

import ast
import dataclasses
import importlib
import re
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from labelloop.domain.detection_records import DetectionRecord
from labelloop.domain.hosting import Hosting, Pause
from labelloop.domain.last_look import Look
from labelloop.domain.model_versions import VersionRecord
from labelloop.domain.review_tasks import Figures, ReviewTask
from labelloop.settings import OUTPUTS, PARAMETERS
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
KNOW_TABLES_AS_THINGS = {
    "cli/adopt/command.py",
    *(f"cli/destroy/{name}.py" for name in ("destruction", "things", "traces")),
}
"""They find, take over or delete a table as it is, and ask for nothing that is in it."""
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
    # What is left of a stack that may be gone, which no gateway is wired for.
    "cli/destroy/destruction.py": {"rekognition", "ssm", "stepfunctions"},
    "cli/destroy/things.py": {"rekognition"},
    "cli/destroy/traces.py": {"rekognition", "ssm"},
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
def keys_of_tables() -> frozenset[str]:
    """The attributes that the template names."""
    return frozenset(
        entry["AttributeName"]
        for table in files.resources("AWS::DynamoDB::Table").values()
        for entry in table["Properties"]["AttributeDefinitions"]
    )


@cache
def stored_names() -> frozenset[str]:
    """The names of attributes and items, but for those of one word, which may be any other's."""
    said, fields = set[str](), set[str]()
    for gateway in gateways_of_tables():
        said |= constants(Path(str(gateway.__file__)).read_text(encoding="utf-8"))
        records = [one for one in vars(gateway).values() if dataclasses.is_dataclass(one)]
        fields |= {field.name for record in records for field in dataclasses.fields(record)}
    return frozenset(
        name for name in keys_of_tables() | fields | said if re.fullmatch(r"[a-z]+(_[a-z]+)+", name)
    )


@pytest.mark.parametrize("module", OTHERS)
def test_no_other_room_names_what_is_stored_or_asks_for_it_itself(module: str) -> None:
    source = (ROOT / module).read_text(encoding="utf-8")
    assert not constants(source) & (stored_names() - SAID_ELSEWHERE_TOO)
    assert not re.search(r"labelloop\.aws\.items|model_versions_table|boto3\.dynamodb", source)
    if module not in IMITATES_DYNAMODB | KNOW_TABLES_AS_THINGS:
        assert not REQUEST.search(source)


def test_the_names_are_found_where_they_are_stored() -> None:
    some = {"date_id", "outcome_shard", "hosting_pause", "running_since", "since_last"}
    assert stored_names() >= some | SAID_ELSEWHERE_TOO


@pytest.mark.parametrize(("variable", "output"), OUTPUTS.items())
def test_functions_and_commands_have_the_same(variable: str, output: str) -> None:
    assert _given(variable) == {str(files.template()["Outputs"][output]["Value"])}


@pytest.mark.parametrize(("variable", "parameter"), PARAMETERS.items())
def test_functions_and_commands_have_the_same_parameters(variable: str, parameter: str) -> None:
    (given,) = _given(variable)
    assert f"'Ref': '{parameter}'" in given


def _given(variable: str) -> set[str]:
    variables = [
        *files.shared_environment().items(),
        *(
            given
            for function in files.functions().values()
            for given in function.get("Environment", {}).get("Variables", {}).items()
        ),
    ]
    return {str(value) for name, value in variables if name == variable}


def test_commands_ask_services_through_the_gateways_that_there_are() -> None:
    found = {
        module: set(HAVE_GATEWAYS.findall((ROOT / module).read_text(encoding="utf-8")))
        for module in OTHERS
        if module.startswith("cli/")
    }
    asked = {module: services for module, services in found.items() if services}
    assert asked == ASK_FOR_WHAT_NO_GATEWAY_DOES


# --- Records are read and written by their classes ------------------------------------------------

RECORDS: dict[str, tuple[type, ...]] = {
    "detections": (DetectionRecord,),
    "detections_by_id": (DetectionRecord,),
    "detections_by_time": (DetectionRecord,),
    "hosting_state": (Hosting, Pause),
    "last_look": (Look,),
    "model_versions": (VersionRecord,),
    "review_tasks": (ReviewTask, Figures),
}
"""By their gateways."""
KNOWN_TO_THE_GATEWAY_ALONE = {
    "review_tasks": {"forgotten"},  # who is shown without a name from then on
}
EXPRESSION = re.compile(r"(Update|Condition|Projection|KeyCondition)Expression")
FUNCTIONS = {"attribute_exists", "attribute_not_exists", "if_not_exists", "begins_with"}
MEANT_AS_RECORDS = {
    *("detection", "hosting", "item", "look", "pause", "record", "stored", "task", "version"),
}
ARE_OTHERS_RECORDS = {
    "cli/datasets/label_studio.py": {"annotations", "data", "id"},  # Label Studio's tasks
    "cli/status.py": {"status"},  # what the service says, which is put beside what is stored
}


def named_in_expressions(source: str) -> set[str]:
    """The attributes that DynamoDB's expressions name by words of their own."""
    given = [
        value
        for node in ast.walk(ast.parse(source))
        for name, value in (
            [(node.arg, node.value)]
            if isinstance(node, ast.keyword)
            else [
                (key.value, value)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            ]
            if isinstance(node, ast.Dict)
            else []
        )
        if EXPRESSION.fullmatch(str(name))
    ]
    texts = {text for expression in given for text in constants(ast.unparse(expression))}
    words = {word for text in texts for word in re.findall(r"(?<![:#\w])[a-z][a-z_]*", text)}
    return words - FUNCTIONS


def told_from_dictionaries(source: str) -> set[str]:
    """The members that are read of what is called a record, but for where records are read."""
    found = set[str]()
    todo = [list[ast.AST](ast.parse(source).body)]
    while todo:
        for node in todo.pop():
            if isinstance(node, ast.FunctionDef) and node.name == "from_json":
                continue
            match node:
                case ast.Subscript(ast.Name(name), ast.Constant(str(member))) | ast.Call(
                    ast.Attribute(ast.Name(name), "get"), [ast.Constant(str(member)), *_]
                ) if name in MEANT_AS_RECORDS and re.fullmatch("[a-z_]+", member):
                    found.add(member)
            todo.append(list(ast.iter_child_nodes(node)))
    return found


@pytest.mark.parametrize("gateway", RECORDS)
def test_gateways_name_what_the_classes_of_their_records_know(gateway: str) -> None:
    named = named_in_expressions((GATEWAYS / f"{gateway}.py").read_text(encoding="utf-8"))
    fields = {field.name for one in RECORDS[gateway] for field in dataclasses.fields(one)}
    assert named <= fields | keys_of_tables() | KNOWN_TO_THE_GATEWAY_ALONE.get(gateway, set())


def test_names_in_expressions_are_found_however_they_are_put_together() -> None:
    source = """
call(UpdateExpression="SET one = if_not_exists(one, :three)" + (" REMOVE two" if four else ""))
call(**{"ConditionExpression": f"five = :{six} AND attribute_exists(#seven)", "Key": "eight"})
"""
    assert named_in_expressions(source) - {"SET", "REMOVE", "AND"} == {"one", "two", "five"}


def test_records_are_read_by_their_classes() -> None:
    layer = GATEWAYS.parent
    rooms = (ROOT / "cli", ROOT / "functions", layer / "domain", layer / "services")
    modules = [path for room in rooms for path in room.rglob("*.py")]
    modules += [GATEWAYS / f"{gateway}.py" for gateway in RECORDS]
    read = {
        path.relative_to(ROOT).as_posix(): told_from_dictionaries(path.read_text(encoding="utf-8"))
        for path in modules
    }
    assert {module: told for module, told in read.items() if told} == ARE_OTHERS_RECORDS


def test_what_is_read_of_a_record_is_seen_wherever_no_class_reads_it() -> None:
    source = """
class Look:
    def from_json(stored):
        return stored["one"]
def read(look):
    return look["two"] if look.get("three", 0) else look["Four"]
"""
    assert told_from_dictionaries(source) == {"two", "three"}
