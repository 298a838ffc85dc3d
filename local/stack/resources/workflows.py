"""Step Functions: state machines, with their definitions read from disk."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Any

from local.stack.resources.base import Created, Resource, ResourceType, names, truth
from local.stack.resources.compute import require_trust
from local.stack.template import SOURCE_BUCKET, read_yaml

# What the machine's role needs before CreateStateMachine takes a log group
# (https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html).
_LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)
_SUBSTITUTION = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


class StateMachine(ResourceType):
    type_name = "AWS::StepFunctions::StateMachine"
    properties = names(
        "Definition DefinitionS3Location DefinitionString DefinitionSubstitutions "
        "LoggingConfiguration RoleArn StateMachineName StateMachineType"
    )
    ignored = names("Tags TracingConfiguration")

    def create(self, resource: Resource) -> Created:
        name = resource.name("StateMachineName", 80)
        _check_role(resource)
        definition, stem = _definition(resource)
        machine_arn = resource.client("stepfunctions").create_state_machine(
            name=name,
            definition=definition,
            roleArn=resource.properties["RoleArn"],
            type=resource.properties.get("StateMachineType", "STANDARD"),
            **_logging(resource),
        )["stateMachineArn"]
        resource.services.executions.register(machine_arn, stem)
        return Created(machine_arn, {"Arn": machine_arn, "Name": name})

    def update(self, resource: Resource) -> Created:
        _check_role(resource)
        resource.client("stepfunctions").update_state_machine(
            stateMachineArn=resource.physical_id,
            definition=_definition(resource)[0],
            roleArn=resource.properties["RoleArn"],
            **_logging(resource),
        )
        return Created(resource.physical_id, resource.attributes)

    def delete(self, resource: Resource) -> None:
        arn = resource.physical_id
        resource.client("stepfunctions").delete_state_machine(stateMachineArn=arn)


def _definition(resource: Resource) -> tuple[str, str]:
    """The definition as JSON, substitutions made; the stem under which executions are counted."""
    given = resource.properties
    values = given.get("DefinitionSubstitutions", {})
    if "DefinitionS3Location" in given:
        location = given["DefinitionS3Location"]
        if location.get("Bucket") != SOURCE_BUCKET:
            raise NotImplementedError(f"a definition can only be read from a file: {location}")
        path = resource.deployment.root / str(location["Key"])
        text = _substituted(path.read_text(encoding="utf-8"), values)
        stem = PurePosixPath(path.name).name.split(".")[0]
        return json.dumps(read_yaml(text)), stem
    inline = given.get("DefinitionString") or given["Definition"]
    text = inline if isinstance(inline, str) else json.dumps(inline)
    stem = re.sub(r"(?<!^)(?=[A-Z])", "_", resource.logical_id.removesuffix("StateMachine")).lower()
    return _substituted(text, values), stem


def _substituted(text: str, values: dict[str, Any]) -> str:
    """The text with every ${Name} replaced: CloudFormation does so before it parses."""

    def value(found: re.Match[str]) -> str:
        if found.group(1) not in values:
            raise KeyError(f"DefinitionSubstitutions has no {found.group(1)}")
        used.add(found.group(1))
        given = values[found.group(1)]
        return str(given).lower() if isinstance(given, bool) else str(given)

    used: set[str] = set()
    replaced = _SUBSTITUTION.sub(value, text)
    if set(values) - used:
        raise KeyError(f"DefinitionSubstitutions that are not used: {sorted(set(values) - used)}")
    return replaced


def _check_role(resource: Resource) -> None:
    role_arn = str(resource.properties["RoleArn"])
    require_trust(resource, role_arn, "states.amazonaws.com")
    if resource.properties.get("LoggingConfiguration", {}).get("Level", "OFF") == "OFF":
        return
    check = resource.services.authorizer.check
    missing = [action for action in _LOG_DELIVERY if not check(role_arn, action, "*")]
    if missing:
        raise PermissionError(
            "The state machine IAM Role is not authorized to access the Log Destination: "
            f"it may not {', '.join(missing)} on *"
        )


def _logging(resource: Resource) -> dict[str, Any]:
    given = resource.properties.get("LoggingConfiguration")
    if not given:
        return {}
    destinations = [
        {"cloudWatchLogsLogGroup": {"logGroupArn": d["CloudWatchLogsLogGroup"]["LogGroupArn"]}}
        for d in given.get("Destinations", [])
    ]
    configuration = {
        "level": given.get("Level", "OFF"),
        "includeExecutionData": truth(given.get("IncludeExecutionData", False)),
        "destinations": destinations,
    }
    return {"loggingConfiguration": configuration}
