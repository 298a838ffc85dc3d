"""The control endpoints under /_local/: what a test or a person asks the runtime itself.

GET    /_local/calls, summary, metrics, faults, rekognition, permissions, functions, mail, health,
       stack, human-loops, labeling-jobs, clock
PUT    /_local/faults, rekognition, stack, cloudformation-response/<token>
DELETE /_local/faults, rekognition, stack
POST   /_local/schedules/<logical id>, human-loops/<name>, labeling-jobs/<name>, clock
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.clock import Clock
from local.constants import CONTROL_PREFIX, REGION
from local.doors.calls import CallLog
from local.doors.rekognition_calls import RekognitionCalls
from local.http_messages import Request, Response
from local.permissions.authorization import Authorizer
from local.rekognition.orders import OrderError
from local.sagemaker.service import SageMaker
from local.services.embedded_metrics import Metrics
from local.services.event_bus import EventBus
from local.services.faults import FaultError, Faults
from local.services.function_pool import FunctionPool
from local.services.mail import Mailbox
from local.services.scheduler import Schedules
from local.services.state_machines import Executions
from local.stack.deployed import Stack
from local.stack.template import TemplateError

log = logging.getLogger(__name__)

PAGES = {
    "GET /_local/mail": "the messages that would have been e-mailed",
    "GET /_local/summary": "what was called, how often, and how executions ended",
    "GET /_local/calls": "each call, by whom, and what it came to",
    "GET /_local/metrics": "what the functions measured",
    "GET /_local/stack": "deployment parameters, outputs and resources",
    "GET /_local/permissions": "which permissions were used, and which never",
    "GET /_local/functions": "the functions' processes",
    "POST /_local/schedules/TrainingSchedule": "fires a schedule of the template now",
    "GET /_local/clock": "what time it is in the stack",
    "POST /_local/clock": 'lets an hour be over at once, with {"leap_s": 3600}',
    "PUT, DELETE /_local/faults": "makes AWS calls fail, hang or be late, and events come twice",
    "PUT, DELETE /_local/rekognition": "how trainings and starts of models end, and quotas",
    "GET, POST /_local/human-loops/NAME": "loops of Amazon A2I, and their workers' answers",
    "GET, POST /_local/labeling-jobs/NAME": "jobs of Ground Truth, and how they end",
}
"""For people: what the runtime's start lists, and GET /_local/."""


@dataclass(kw_only=True)
class Control:
    """Answers the requests under /_local/."""

    clock: Clock
    authorizer: Authorizer
    calls: CallLog
    faults: Faults
    functions: FunctionPool
    bus: EventBus
    schedules: Schedules
    executions: Executions
    mailbox: Mailbox
    rekognition: RekognitionCalls
    sagemaker: SageMaker
    stack: Stack
    data_dir: Path

    def __post_init__(self) -> None:
        self._routes: dict[tuple[str, str], Callable[[str, bytes], Any]] = {
            ("GET", ""): lambda *_: PAGES,
            ("GET", "calls"): lambda *_: self.calls.as_json(),
            ("GET", "summary"): lambda *_: self._summary(),
            ("GET", "metrics"): lambda *_: Metrics().as_json(),
            ("GET", "faults"): lambda *_: self.faults.as_json(),
            ("PUT", "faults"): self._put_faults,
            ("DELETE", "faults"): lambda *_: self.faults.clear(),
            ("GET", "rekognition"): lambda *_: self.rekognition.of(REGION).orders(),
            ("PUT", "rekognition"): self._put_orders,
            ("DELETE", "rekognition"): lambda *_: self.rekognition.of(REGION).order({}),
            ("GET", "permissions"): lambda *_: self._permissions(),
            ("GET", "functions"): lambda *_: self.functions.describe(),
            ("GET", "mail"): lambda *_: self.mailbox.as_json(),
            ("GET", "health"): lambda *_: self._health(),
            ("GET", "stack"): lambda *_: self.stack.describe(),
            ("PUT", "stack"): self._put_stack,
            ("DELETE", "stack"): lambda *_: self.stack.delete(),
            ("GET", "human-loops"): lambda *_: self.sagemaker.human_loops.listed(),
            ("POST", "human-loops"): self._work_on_loop,
            ("GET", "labeling-jobs"): lambda *_: self.sagemaker.labeling_jobs.listed(),
            ("POST", "labeling-jobs"): self._end_job,
            ("POST", "schedules"): self._fire,
            ("GET", "clock"): lambda *_: {"epoch_s": self.clock.now()},
            ("POST", "clock"): self._leap,
            ("PUT", "cloudformation-response"): self._custom_resource_answer,
        }

    def __call__(self, request: Request) -> Response:
        name, _, rest = request.path.removeprefix(CONTROL_PREFIX).partition("/")
        route = self._routes.get((request.method, name))
        if route is None:
            return _json(404, {"error": f"no {request.method} {CONTROL_PREFIX}{name}"})
        try:
            return _json(200, route(rest, request.body))
        except (FaultError, OrderError, TemplateError, json.JSONDecodeError) as error:
            return _json(400, {"error": str(error)})
        except LookupError as error:
            return _json(404, {"error": str(error.args[0]) if error.args else repr(error)})
        except Exception as error:
            log.exception("%s %s failed", request.method, request.path)
            return _json(500, {"error": repr(error)})

    def _health(self) -> dict[str, Any]:
        return {
            "status": "ok",
            "stack": self.stack.name,
            "process": os.getpid(),
            "data_dir": str(self.data_dir.absolute()),
        }

    def _summary(self) -> dict[str, Any]:
        return {
            "calls": self.calls.counts(),
            "lambda": self.functions.counts(),
            "busy": self.functions.busy(),
            "events_underway": self.bus.underway(),
            **self.executions.counts(),
        }

    def _put_faults(self, _: str, body: bytes) -> None:
        self.faults.replace(json.loads(body))

    def _put_orders(self, _: str, body: bytes) -> None:
        wishes = json.loads(body)
        if not isinstance(wishes, dict):
            raise OrderError('expected {"outcomes": [...], "quotas": {...}}')
        self.rekognition.of(REGION).order(wishes)

    def _permissions(self) -> dict[str, Any]:
        permissions = self.authorizer.permissions()
        return {
            "used": [entry for entry in permissions if entry["used"]],
            "unused": self.authorizer.unused(),
            "refused": self.authorizer.refused(),
        }

    def _put_stack(self, _: str, body: bytes) -> Any:
        order = json.loads(body)
        if not isinstance(order, dict) or set(order) - {"parameters"}:
            raise TemplateError('expected {"parameters": {...}}')
        self.stack.update(order.get("parameters", {}))
        return self.stack.describe()

    def _fire(self, logical_id: str, _: bytes) -> Any:
        name = self.stack.physical_id(logical_id, "AWS::Scheduler::Schedule")
        return self.schedules.fire(name)

    def _leap(self, _: str, body: bytes) -> Any:
        """``{"leap_s": seconds}``: so much time is over, and what is due by then runs, once."""
        self.clock.leap(float(json.loads(body)["leap_s"]))
        self.schedules.changed()
        return {"time": self.clock.iso()}

    def _work_on_loop(self, name: str, body: bytes) -> Any:
        """As a worker, ``{"worker", "answerContent"}``; or ``{"end", "reason"}`` the loop."""
        order, loops = json.loads(body), self.sagemaker.human_loops
        if "end" in order:
            return loops.end(name, order["end"], order.get("reason"))
        return loops.answer(name, order["worker"], order["answerContent"])

    def _end_job(self, name: str, body: bytes) -> Any:
        """``{"end": "Completed", "labels": {image address: label}, "reason"}``."""
        order = json.loads(body)
        return self.sagemaker.labeling_jobs.end(
            name, order["end"], order.get("labels", {}), order.get("reason")
        )

    def _custom_resource_answer(self, token: str, body: bytes) -> None:
        self.stack.deployment.answers.put(token, json.loads(body))


def _json(status: int, value: Any) -> Response:
    body = json.dumps(value, default=str).encode()
    return Response(status, [("Content-Type", "application/json")], body)
