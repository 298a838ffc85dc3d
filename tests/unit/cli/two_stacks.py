"""An account with two stacks, of which one's name begins as the other's does."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from click.testing import CliRunner, Result

from cli.__main__ import main
from cli.stack import Stack
from labelloop.domain.parameters import CATALOGUE
from labelloop.settings import tags_of
from local.rekognition.service import RekognitionService
from local.rekognition.service_error import ServiceError
from tests.unit.account import ACCOUNT_ID, make_bucket, make_table
from tests.unit.cli.world import REGION, answering, client, refused

DESCRIPTION = "Label Loop keeps an Amazon Rekognition Custom Labels model getting better by itself."
PETS, OTHER = "pets", "pets-2"
PLANNED = "the stack that an import makes"
Json = dict[str, Any]
Resources = list[tuple[str, str, str]]


class CloudFormation:
    """Stacks by their names; what they retain outlasts them, and so do records of them."""

    def __init__(self) -> None:
        self.stacks: dict[str, Json] = {}
        self.template: Json = {}
        """Of the stacks that are gone."""
        self.change_sets: dict[str, Json] = {}
        self.refuses_import = ""
        self.imports: list[Json] = []
        """What was asked for, in each change set."""
        self.fails = ""
        """Why a stack cannot be deleted."""
        self.client = answering(
            "cloudformation",
            {
                "ListStacks": self._list,
                "DescribeStacks": self._describe,
                "ListStackResources": self._resources,
                "DescribeStackResources": self._owner,
                "DeleteStack": self._delete,
                "GetTemplate": lambda _: {"TemplateBody": json.dumps(self.template)},
                "CreateChangeSet": self._plan,
                "DescribeChangeSet": lambda asked: self.change_sets[asked["ChangeSetName"]],
                "DeleteChangeSet": lambda asked: self.change_sets.pop(asked["ChangeSetName"], None),
                "ExecuteChangeSet": self._execute,
            },
        )

    def add(self, name: str, resources: Resources, **facts: Any) -> None:
        """A stack that is deployed."""
        self.stacks[name] = {
            "StackName": name,
            "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/{name}/1",
            "StackStatus": "CREATE_COMPLETE",
            "TemplateDescription": DESCRIPTION,
            "resources": resources,
            **facts,
        }

    def _found(self, asked: Json) -> Json:
        for stack in self.stacks.values():
            deployed = stack["StackStatus"] != "DELETE_COMPLETE"
            if asked["StackName"] in {stack["StackId"], stack["StackName"] if deployed else ""}:
                return stack
        refused("ValidationError", f"Stack {asked['StackName']} does not exist")(asked)
        raise AssertionError

    def _list(self, _: Json) -> Mapping[str, Any]:
        return {"StackSummaries": list(self.stacks.values())}

    def _plan(self, asked: Json) -> None:
        self.imports.append(asked)
        why = self.refuses_import
        planned = {"Status": "FAILED" if why else "CREATE_COMPLETE", "StatusReason": why}
        self.change_sets[asked["ChangeSetName"]] = planned
        self.stacks[PLANNED] = {
            **self.stacks.get(PETS, {}),
            "StackName": PETS,
            "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/pets/2",
            "StackStatus": "REVIEW_IN_PROGRESS",
            "resources": [],
        }

    def _execute(self, asked: Json) -> None:
        wanted = self.imports[-1]["ResourcesToImport"]
        stack = self.stacks[PLANNED]
        stack["StackStatus"] = "IMPORT_IN_PROGRESS"
        del self.change_sets[asked["ChangeSetName"]]
        stack["resources"] = [
            (one["ResourceType"], one["LogicalResourceId"], *one["ResourceIdentifier"].values())
            for one in wanted
        ]

    def _describe(self, asked: Json) -> Mapping[str, Any]:
        stack = self._found(asked)
        if stack["StackStatus"] == "IMPORT_IN_PROGRESS":
            stack["StackStatus"] = "IMPORT_COMPLETE"
            return {"Stacks": [{**stack, "StackStatus": "IMPORT_IN_PROGRESS"}]}
        if stack["StackStatus"] == "DELETE_IN_PROGRESS":
            self.end(stack["StackName"])
            return {"Stacks": [{**stack, "StackStatus": "DELETE_IN_PROGRESS"}]}
        return {"Stacks": [stack]}

    def end(self, name: str) -> None:
        """The stack is gone, but for what it retains."""
        stack = self.stacks[name]
        stack["StackStatus"] = "DELETE_FAILED" if self.fails else "DELETE_COMPLETE"
        stack["StackStatusReason"] = self.fails
        stack["DeletionTime"] = "2026-11-21T08:00:00Z"

    def _resources(self, asked: Json) -> Mapping[str, Any]:
        stack = self._found(asked)
        gone = stack["StackStatus"] == "DELETE_COMPLETE"
        return {
            "StackResourceSummaries": [
                {
                    "ResourceType": type_name,
                    "LogicalResourceId": logical_id,
                    "PhysicalResourceId": physical_id,
                    "ResourceStatus": "CREATE_COMPLETE"
                    if not gone
                    else "DELETE_SKIPPED"
                    if type_name in RETAINED
                    else "DELETE_COMPLETE",
                }
                for type_name, logical_id, physical_id in stack["resources"]
            ]
        }

    def _owner(self, asked: Json) -> Mapping[str, Any]:
        for stack in reversed(self.stacks.values()):
            for _, _, physical_id in stack["resources"]:
                if physical_id == asked["PhysicalResourceId"]:
                    entry = {"PhysicalResourceId": physical_id, "StackName": stack["StackName"]}
                    return {"StackResources": [entry]}
        refused("ValidationError", "Stack for it does not exist")(asked)
        raise AssertionError

    def _delete(self, asked: Json) -> None:
        self._found(asked)["StackStatus"] = "DELETE_IN_PROGRESS"


RETAINED = {"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Cognito::UserPool"}


class Killed(KeyboardInterrupt):
    """The process ends here."""


class Clients:
    """The account's clients; the call that changes something and has this number is the last."""

    def __init__(self, fakes: Mapping[str, Any]) -> None:
        self._fakes = fakes
        self.kill_at: int | None = None
        self.changes = 0

    def __call__(self, service: str, **_: Any) -> Any:
        return _Watched(self, self._fakes.get(service) or client(service))

    def change(self, call: Callable[..., Any], request: Json) -> Any:
        """Make a call that changes something, unless the process ends before."""
        self.changes += 1
        if self.changes == self.kill_at:
            raise Killed
        return call(**request)


class _Watched:
    def __init__(self, clients: Clients, made: Any) -> None:
        self._clients, self._made = clients, made

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._made, name)
        if name.startswith(("delete_", "abort_", "stop_", "put_", "create_", "execute_")):
            return lambda **request: self._clients.change(found, request)
        return found


class Account:
    """What a test arranges and looks at."""

    def __init__(self, folder: Path) -> None:
        self.cloudformation = CloudFormation()
        time = itertools.count(1_795_252_527, 600)
        self.emulator = RekognitionService(
            _Bucket(), lambda: float(next(time)), folder, REGION, ACCOUNT_ID
        )
        operations = client("rekognition").meta.service_model.operation_names
        self.rekognition_answers: dict[str, Callable[[Json], Json]] = {}
        self.rekognition = answering(
            "rekognition", {name: self._emulated(name) for name in operations}
        )
        self.pools: dict[str, str] = {}
        self.clients = Clients(
            {
                "cloudformation": self.cloudformation.client,
                "rekognition": self.rekognition,
                "resourcegroupstaggingapi": answering(
                    "resourcegroupstaggingapi", {"GetResources": self._tagged}
                ),
            }
        )
        for name in (PETS, OTHER):
            self._make(name)

    def _emulated(self, operation: str) -> Callable[[Json], Json]:
        def answer(asked: Json) -> Json:
            if operation in self.rekognition_answers:
                return self.rekognition_answers[operation](asked)
            try:
                return dict(self.emulator.handle(operation, asked))
            except ServiceError as error:
                refused(error.code, error.message)(asked)
                raise

        return answer

    def _tagged(self, asked: Json) -> Mapping[str, Any]:
        """As moto does not for user pools: for a while, what is gone included."""
        (wanted,) = asked["TagFilters"]
        pages = client("resourcegroupstaggingapi").get_paginator("get_resources")
        arns = [
            str(entry["ResourceARN"])
            for page in pages.paginate(TagFilters=[wanted])
            for entry in page["ResourceTagMappingList"]
        ]
        arns += [
            f"arn:aws:cognito-idp:{REGION}:{ACCOUNT_ID}:userpool/{pool}"
            for stack, pool in self.pools.items()
            if stack in wanted["Values"]
        ]
        return {"ResourceTagMappingList": [{"ResourceARN": arn} for arn in arns]}

    def _make(self, stack: str) -> None:
        bucket, tables = (
            f"{stack}-bucket-0a1b2c",
            (f"{stack}-DetectionsTable-0A1B", f"{stack}-ModelVersionsTable-1"),
        )
        tags = [{"Key": key, "Value": value} for key, value in tags_of(stack).items()]
        s3, logs, ssm = client("s3"), client("logs"), client("ssm")
        make_bucket(bucket, REGION)
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
        for key in ("images_to_label/1.png", "images_to_label/1.png", "analytics/detections/a.gz"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"x" * 1024)
        s3.delete_object(Bucket=bucket, Key="images_to_label/1.png")
        s3.create_multipart_upload(Bucket=bucket, Key="images_to_label/2.png")
        for table in tables:
            make_table("DetectionsTable", table, REGION)
            arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{table}"
            client("dynamodb").tag_resource(ResourceArn=arn, Tags=tags)
        cognito = client("cognito-idp")
        pool = cognito.create_user_pool(PoolName=stack, UserPoolTags=tags_of(stack))["UserPool"]
        self.pools[stack] = pool["Id"]
        cognito.create_user_pool_client(UserPoolId=pool["Id"], ClientName=f"{stack}.camera")
        for parameter in CATALOGUE[:12]:
            ssm.put_parameter(Name=f"/{stack}/{parameter.name}", Value="x", Type="String")
        function = f"{stack}-HostModelFunction-0A1B"
        for group in (
            f"/aws/lambda/{function}",
            f"/aws/vendedlogs/states/{stack}",
            f"{stack}-FunctionsLogGroup-0A1B",
        ):
            logs.create_log_group(logGroupName=group)
        project = self.emulator.handle("CreateProject", {"ProjectName": stack})["ProjectArn"]
        self.emulator.handle("CreateDataset", {"ProjectArn": project, "DatasetType": "TRAIN"})
        self.cloudformation.add(
            stack,
            [
                ("AWS::S3::Bucket", "Bucket", bucket),
                ("AWS::DynamoDB::Table", "DetectionsTable", tables[0]),
                ("AWS::DynamoDB::Table", "ModelVersionsTable", tables[1]),
                ("AWS::Cognito::UserPool", "UserPool", pool["Id"]),
                ("AWS::Lambda::Function", "HostModelFunction", function),
                ("AWS::CloudWatch::Alarm", "AnAlarm", f"{stack}-AnAlarm"),
                ("Custom::Setup", "Setup", project),
            ],
        )

    def run(self, *words: str, answer: str | None = None, stack: str = PETS) -> Result:
        """`labelloop destroy`, as somebody types it."""
        return self.type("destroy", *words, answer=answer, stack=stack)

    def type(self, *words: str, answer: str | None = None, stack: str = PETS) -> Result:
        """Any command about the stack."""
        on = Stack(stack, {}, self.clients, look_every_s=0.0)
        return CliRunner().invoke(main, list(words), obj=on, input=answer)

    def destroyed(self, *words: str) -> Json:
        """What the command has done, without asking."""
        result = self.run("--yes", "--json", *words)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        found: Json = json.loads(result.stdout)
        return found

    def everything(self) -> list[str]:
        """All that there is in the account, of every service, but for CloudFormation's records."""
        return sorted(self._everything())

    def _everything(self) -> Iterator[str]:
        s3, cognito = client("s3"), client("cognito-idp")
        for bucket in s3.list_buckets()["Buckets"]:
            name = bucket["Name"]
            yield name
            found = s3.list_object_versions(Bucket=name)
            for entry in found.get("Versions", []) + found.get("DeleteMarkers", []):
                yield f"{name}/{entry['Key']}/{entry['VersionId']}"
            for upload in s3.list_multipart_uploads(Bucket=name).get("Uploads", []):
                yield f"{name}/{upload['UploadId']}"
        yield from client("dynamodb").list_tables()["TableNames"]
        for pool in cognito.list_user_pools(MaxResults=60)["UserPools"]:
            yield pool["Name"]
            clients = cognito.list_user_pool_clients(UserPoolId=pool["Id"], MaxResults=60)
            for each in clients["UserPoolClients"]:
                yield each["ClientName"]
        for page in client("ssm").get_paginator("describe_parameters").paginate():
            yield from (entry["Name"] for entry in page["Parameters"])
        for group in client("logs").describe_log_groups()["logGroups"]:
            yield group["logGroupName"]
        for project in self.emulator.handle("DescribeProjects", {})["ProjectDescriptions"]:
            yield project["ProjectArn"]
            yield from (each["DatasetArn"] for each in project.get("Datasets", []))

    def of(self, stack: str) -> list[str]:
        """What there is of one of the two; names of the other begin like its own."""
        every = self.everything()
        others = [name for name in every if OTHER in name]
        return others if stack == OTHER else [name for name in every if name not in others]


class _Bucket:
    """Nothing is trained on here."""

    def get(self, *named: str | None) -> bytes:
        raise KeyError(named)

    def put(self, *named: str | bytes) -> None:
        raise AssertionError(named)


def refusing(code: str, message: str) -> Callable[[Json], Json]:
    """An answer of Rekognition that is a refusal."""

    def refuse(_: Json) -> Json:
        why: Any = {"Error": {"Code": code, "Message": message}}
        raise ClientError(why, "Any")

    return refuse
