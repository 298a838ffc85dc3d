"""The operations: workforce, work teams, task pages, flow definitions, and starting loops."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session

from local.rekognition import shapes
from local.rekognition.service_error import ServiceError
from local.sagemaker.human_loops import HumanLoops
from local.sagemaker.labeling_jobs import LabelingJobs
from local.sagemaker.world import World

WORKFORCE_TAKES_S = 20.0
FLOW_TAKES_S = 10.0
SERVICES = ("sagemaker", "sagemaker-a2i-runtime")

Json = dict[str, Any]


class SageMaker:
    """One account's SageMaker in one Region, as far as A2I needs it. Threads may share it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.human_loops = HumanLoops(world)
        self.labeling_jobs = LabelingJobs(world)
        self._lock = threading.RLock()
        self._workforces: dict[str, Json] = {}
        self._teams: dict[str, Json] = {}
        self._pages: dict[str, Json] = {}
        self._flows: dict[str, Json] = {}
        self._operations: dict[str, Callable[[Json], Json]] = {
            "CreateWorkforce": self._create_workforce,
            "ListWorkforces": self._list_workforces,
            "DeleteWorkforce": self._delete_workforce,
            "CreateWorkteam": self._create_workteam,
            "DescribeWorkteam": self._describe_workteam,
            "DeleteWorkteam": self._delete_workteam,
            "CreateHumanTaskUi": self._create_page,
            "DescribeHumanTaskUi": self._describe_page,
            "DeleteHumanTaskUi": self._delete_page,
            "CreateFlowDefinition": self._create_flow,
            "DescribeFlowDefinition": self._describe_flow,
            "ListFlowDefinitions": self._list_flows,
            "DeleteFlowDefinition": self._delete_flow,
            "CreateLabelingJob": self._create_job,
            "DescribeLabelingJob": self.labeling_jobs.describe,
            "StartHumanLoop": self._start_loop,
            "DescribeHumanLoop": self.human_loops.describe,
            "ListHumanLoops": self.human_loops.summaries,
            "StopHumanLoop": self.human_loops.stop,
        }

    def handle(self, operation: str, request: Json) -> Json:
        """The operation's answer. A request can cause no other exception than ServiceError."""
        if operation not in self._operations:
            message = f"The local SageMaker has no operation {operation}."
            raise ServiceError("UnknownOperationException", message)
        problems = list(shapes.find_problems(request, _input_shape(operation), "request"))
        if problems:
            raise _invalid("; ".join(problems))
        with self._lock:
            return self._operations[operation](request)

    # --- Workforce and work teams -----------------------------------------------------------------

    def _create_workforce(self, request: Json) -> Json:
        if self._known_workforces():
            message = "An account can have one private workforce in a Region."
            raise ServiceError("ResourceLimitExceeded", message)
        name, config = request["WorkforceName"], request["CognitoConfig"]
        self._check_client(config["UserPool"], config["ClientId"])
        code = hashlib.sha256(name.encode()).hexdigest()[:10]
        self._workforces[name] = {
            "WorkforceName": name,
            "WorkforceArn": self._world.arn(f"workforce/{name}"),
            "SubDomain": f"{code}.labeling.{self._world.region}.sagemaker.aws",
            "CognitoConfig": config,
            "CreateDate": self._world.now(),
        }
        return {"WorkforceArn": self._workforces[name]["WorkforceArn"]}

    def _check_client(self, user_pool: str, client_id: str) -> None:
        known = self._world.user_pool_client(user_pool, client_id)
        if known is None:
            raise _invalid(f"The user pool {user_pool} has no client {client_id}.")
        if not known.get("ClientSecret"):
            raise _invalid("The client of a workforce must have a secret.")

    def _known_workforces(self) -> dict[str, Json]:
        """Those that are there, with their status; one that was deleted a while ago is gone."""
        return {
            name: {**told, "Status": status}
            for name, told, status in self._there(self._workforces, "CreateDate", WORKFORCE_TAKES_S)
        }

    def _there(
        self, things: dict[str, Json], created: str, takes_s: float
    ) -> Iterator[tuple[str, Json, str]]:
        """Name, content and status of what has not been deleted for so long that it is gone."""
        now = self._world.now()
        for name, thing in things.items():
            if now - thing.get("deleted", now) < takes_s:
                status = "Active"
                if "deleted" in thing:
                    status = "Deleting"
                elif now - thing[created] < takes_s:
                    status = "Initializing"
                yield name, {part: thing[part] for part in thing if part != "deleted"}, status

    def _list_workforces(self, _: Json) -> Json:
        return {"Workforces": list(self._known_workforces().values())}

    def _delete_workforce(self, request: Json) -> Json:
        name = request["WorkforceName"]
        if name not in self._known_workforces():
            raise _invalid(f"There is no workforce {name}.")
        if self._teams:
            raise ServiceError("ResourceInUse", f"The workforce {name} has work teams.")
        self._workforces[name]["deleted"] = self._world.now()
        return {}

    def _create_workteam(self, request: Json) -> Json:
        name = request["WorkteamName"]
        if name in self._teams:
            raise ServiceError("ResourceInUse", f"There is a work team {name} already.")
        workforce = self._known_workforces().get(request.get("WorkforceName", ""))
        if workforce is None or workforce["Status"] != "Active":
            raise _invalid("The workforce is not there, or not active.")
        for definition in request["MemberDefinitions"]:
            member = definition["CognitoMemberDefinition"]
            if member["UserPool"] != workforce["CognitoConfig"]["UserPool"]:
                raise _invalid("A work team's members are in its workforce's user pool.")
            client = self._world.user_pool_client(member["UserPool"], member["ClientId"])
            back = f"https://{workforce['SubDomain']}/oauth2/idpresponse"
            if client is None or back not in client.get("CallbackURLs", ()):
                raise _invalid(f"Nobody could sign in: the client does not lead back to {back}.")
        arn = self._world.arn(f"workteam/private-crowd/{name}")
        self._teams[name] = {
            **{part: request[part] for part in ("WorkteamName", "MemberDefinitions")},
            "Description": request["Description"],
            "WorkteamArn": arn,
            "WorkforceArn": workforce["WorkforceArn"],
            "SubDomain": workforce["SubDomain"],
        }
        return {"WorkteamArn": arn}

    def _describe_workteam(self, request: Json) -> Json:
        name = request["WorkteamName"]
        if name not in self._teams:
            raise _invalid(f"The work team {name} does not exist.")
        return {"Workteam": self._teams[name]}

    def _delete_workteam(self, request: Json) -> Json:
        self._describe_workteam(request)
        del self._teams[request["WorkteamName"]]
        return {"Success": True}

    # --- Pages and flow definitions ---------------------------------------------------------------

    def _create_page(self, request: Json) -> Json:
        name = request["HumanTaskUiName"]
        if name in self._pages:
            raise ServiceError("ResourceInUse", f"There is a human task UI {name} already.")
        content = request["UiTemplate"]["Content"]
        self._pages[name] = {
            "HumanTaskUiArn": self._world.arn(f"human-task-ui/{name}"),
            "HumanTaskUiName": name,
            "HumanTaskUiStatus": "Active",
            "CreationTime": self._world.now(),
            "UiTemplate": {"ContentSha256": hashlib.sha256(content.encode()).hexdigest()},
        }
        return {"HumanTaskUiArn": self._pages[name]["HumanTaskUiArn"]}

    def _describe_page(self, request: Json) -> Json:
        name = request["HumanTaskUiName"]
        if name not in self._pages:
            raise ServiceError("ResourceNotFound", f"There is no human task UI {name}.")
        return self._pages[name]

    def _delete_page(self, request: Json) -> Json:
        self._describe_page(request)
        del self._pages[request["HumanTaskUiName"]]
        return {}

    def _create_flow(self, request: Json) -> Json:
        name, config = request["FlowDefinitionName"], request["HumanLoopConfig"]
        if name in self._known_flows():
            raise ServiceError("ResourceInUse", f"There is a flow definition {name} already.")
        if config["WorkteamArn"] not in {team["WorkteamArn"] for team in self._teams.values()}:
            raise _invalid(f"There is no work team {config['WorkteamArn']}.")
        if config["HumanTaskUiArn"] not in {p["HumanTaskUiArn"] for p in self._pages.values()}:
            raise _invalid(f"There is no human task UI {config['HumanTaskUiArn']}.")
        if not self._world.trusts(request["RoleArn"]):
            raise _invalid(f"SageMaker cannot assume {request['RoleArn']}.")
        self._flows[name] = {**request, "CreationTime": self._world.now()}
        return {"FlowDefinitionArn": self._flow_arn(name)}

    def _flow_arn(self, name: str) -> str:
        return self._world.arn(f"flow-definition/{name}")

    def _known_flows(self) -> dict[str, Json]:
        """Those that are there, with their status; one that was deleted a while ago is gone."""
        return {
            name: {
                **told,
                "FlowDefinitionArn": self._flow_arn(name),
                "FlowDefinitionStatus": status,
            }
            for name, told, status in self._there(self._flows, "CreationTime", FLOW_TAKES_S)
        }

    def _describe_flow(self, request: Json) -> Json:
        name = request["FlowDefinitionName"]
        flows = self._known_flows()
        if name not in flows:
            raise ServiceError("ResourceNotFound", f"There is no flow definition {name}.")
        return flows[name]

    def _list_flows(self, _: Json) -> Json:
        wanted = (
            "FlowDefinitionName",
            "FlowDefinitionArn",
            "FlowDefinitionStatus",
            "CreationTime",
        )
        summaries = [{part: flow[part] for part in wanted} for flow in self._known_flows().values()]
        return {"FlowDefinitionSummaries": summaries}

    def _delete_flow(self, request: Json) -> Json:
        self._describe_flow(request)
        name = request["FlowDefinitionName"]
        if self.human_loops.under_way(self._flow_arn(name)):
            raise ServiceError("ResourceInUse", f"The flow definition {name} has human loops.")
        self._flows[name]["deleted"] = self._world.now()
        return {}

    def _create_job(self, request: Json) -> Json:
        team = request["HumanTaskConfig"]["WorkteamArn"]
        if team not in {known["WorkteamArn"] for known in self._teams.values()}:
            raise _invalid(f"There is no work team {team}.")
        if not self._world.trusts(request["RoleArn"]):
            raise _invalid(f"SageMaker cannot assume {request['RoleArn']}.")
        return self.labeling_jobs.create(request)

    # --- Human loops ------------------------------------------------------------------------------

    def _start_loop(self, request: Json) -> Json:
        arn = request["FlowDefinitionArn"]
        flow = next(
            (flow for flow in self._known_flows().values() if flow["FlowDefinitionArn"] == arn), {}
        )
        if flow.get("FlowDefinitionStatus") != "Active":
            raise _invalid(f"The flow definition {arn} is not there, or not active.")
        return self.human_loops.start(request, flow, arn)


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _input_shape(operation: str) -> Any:
    for service in SERVICES:
        model = botocore.session.get_session().get_service_model(service)
        if operation in model.operation_names:
            return model.operation_model(operation).input_shape
    raise KeyError(operation)
