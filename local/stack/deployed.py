"""The deployed stack: creates, updates and deletes the template's resources as CloudFormation does.

Resources are created in the order in which they refer to each other, with resolved properties, each
by its class in local/stack/resources/. What cannot be done raises TemplateError and names the
resource.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.constants import ACCOUNT_ID, REGION
from local.services.tokens import served_here
from local.stack import template as templates
from local.stack.intrinsics import Resolver
from local.stack.one_deployment import Deployment, Services
from local.stack.resources import find
from local.stack.resources.base import Created, Resource
from local.stack.template import Template, TemplateError

log = logging.getLogger(__name__)


class Stack:
    """One deployment of one template."""

    def __init__(
        self, services: Services, name: str, path: Path, parameters: Mapping[str, str]
    ) -> None:
        self.name = name
        self.stack_id = (
            f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/{self.name}/{uuid.uuid4()}"
        )
        self.outputs: dict[str, Any] = {}
        self.status = "CREATE_IN_PROGRESS"
        self.reason = ""
        """Why it could not be deleted."""
        self.created = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._path = path
        self._given = dict(parameters)
        self._lock = threading.RLock()
        self._created: dict[str, Resource] = {}
        self._gone: dict[str, tuple[Resource, str]] = {}
        self._in_progress: list[str] = []
        self._to_update: set[str] = set()
        self._use(templates.load(path, self._given))
        self.deployment = Deployment(name, self.stack_id, self._template.root, services)

    def _use(self, template: Template) -> None:
        self._template = template
        self._resolver = Resolver(template, self.name, self.stack_id, self)

    # Deploying

    def deploy(self) -> dict[str, Any]:
        """Create everything; the outputs."""
        with self._lock:
            for logical_id in self._template.resources:
                self._create(logical_id)
            self._finish("CREATE_COMPLETE")
        return self.outputs

    def update(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Deploy again with these parameters changed: what they change is updated, no more.

        What cannot be updated raises TemplateError and the old parameters stay; resources that were
        updated before it follow them again with the next update.
        """
        with self._lock:
            before = self._given, self._template
            given = {**self._given, **{name: str(value) for name, value in parameters.items()}}
            self._use(templates.load(self._path, given))
            self._given = given
            try:
                self._follow_template()
            except TemplateError:
                self._given = before[0]
                self._use(before[1])
                self.status = "UPDATE_FAILED"
                raise
            self._finish("UPDATE_COMPLETE")
        return self.outputs

    def _follow_template(self) -> None:
        self._to_update = set(self._created)
        try:
            for logical_id in self._template.resources:
                self._ready(logical_id)
        finally:
            self._to_update = set()
        for logical_id in reversed(list(self._created)):
            if logical_id not in self._template.resources or not self._wanted(logical_id):
                self._delete(self._created.pop(logical_id))

    def delete(self) -> dict[str, list[str]]:
        """Delete everything but what the template retains; says what went and what stayed."""
        with self._lock:
            self.status = "DELETE_IN_PROGRESS"
            gone: dict[str, list[str]] = {"deleted": [], "retained": []}
            for logical_id in reversed(list(self._created)):
                kept = self._delete(self._created[logical_id])
                resource = self._created.pop(logical_id)
                self._gone[logical_id] = resource, "DELETE_SKIPPED" if kept else "DELETE_COMPLETE"
                gone["retained" if kept else "deleted"].append(logical_id)
            self.outputs = {}
            self._announce("DELETE_COMPLETE")
            return gone

    def begin_to_delete(self) -> None:
        """The same as CloudFormation does it: whoever asks looks at the status."""
        if self.status not in {"DELETE_IN_PROGRESS", "DELETE_COMPLETE"}:
            self.status = "DELETE_IN_PROGRESS"
            threading.Thread(target=self._delete_in_background, daemon=True).start()

    def _delete_in_background(self) -> None:
        try:
            self.delete()
        except TemplateError as error:
            self.reason = str(error)
            log.warning("the stack could not be deleted: %s", error)

    @property
    def description(self) -> str:
        """What the template says that it is."""
        return self._template.description

    def resources(self) -> list[tuple[Resource, str]]:
        """Everything that it has made, with its status, what is gone included."""
        made = [(resource, "CREATE_COMPLETE") for resource in list(self._created.values())]
        return made + [one for one in self._gone.values() if one[0].physical_id]

    def describe(self) -> dict[str, Any]:
        """What GET /_local/stack and stack.json say."""
        return {
            "name": self.name,
            "id": self.stack_id,
            "status": self.status,
            "created": self.created,
            "endpoint": self.deployment.services.clients.endpoint,
            "region": REGION,
            "outputs": self.outputs,
            "parameters": {
                name: "****" if name in self._template.hidden else _listed(value)
                for name, value in self._template.parameters.items()
            },
            "resources": {
                logical_id: {"type": resource.type_name, "physical_id": resource.physical_id}
                for logical_id, resource in self._created.items()
            },
        }

    def _finish(self, status: str) -> None:
        self.outputs = {
            name: served_here(
                self._resolver.resolve(output["Value"]), self.deployment.services.clients.endpoint
            )
            for name, output in self._template.outputs.items()
            if "Condition" not in output or self._resolver.condition(output["Condition"])
        }
        self._announce(status)

    def _announce(self, status: str) -> None:
        self.status = status
        self.deployment.services.bus.emit(
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "source": "aws.cloudformation",
                "account": ACCOUNT_ID,
                "time": self.deployment.services.clock.iso(),
                "region": REGION,
                "detail-type": "CloudFormation Stack Status Change",
                "resources": [self.stack_id],
                "detail": {
                    "stack-id": self.stack_id,
                    "logical-resource-id": self.name,
                    "physical-resource-id": self.stack_id,
                    "status-details": {"status": status, "status-reason": ""},
                    "client-request-token": str(uuid.uuid4()),
                },
            }
        )

    # References

    def reference(self, logical_id: str) -> Any:
        """What Ref gives: the physical id, of a resource that is created now if it was not yet."""
        return self._ready(logical_id).physical_id

    def attribute(self, logical_id: str, name: str) -> Any:
        """What Fn::GetAtt gives."""
        resource = self._ready(logical_id)
        if name not in resource.attributes:
            raise TemplateError(
                f"Fn::GetAtt {logical_id}.{name}: {resource.type_name} has here only "
                f"{sorted(resource.attributes)}"
            )
        return resource.attributes[name]

    def physical_id(self, logical_id: str, type_name: str) -> str:
        """The physical id of the resource, which must be of that type."""
        resource = self._created.get(logical_id)
        if resource is None or resource.type_name != type_name:
            known = sorted(k for k, r in self._created.items() if r.type_name == type_name)
            raise LookupError(f"{logical_id} is no {type_name}; there are {known}")
        return resource.physical_id

    # One resource

    def _wanted(self, logical_id: str) -> bool:
        condition = self._template.resources[logical_id].get("Condition")
        return condition is None or self._resolver.condition(condition)

    def _ready(self, logical_id: str) -> Resource:
        """The resource as it is to be: what it refers to is made, or updated, before it is."""
        resource = self._create(logical_id)
        if logical_id in self._to_update:
            self._to_update.discard(logical_id)
            if self._wanted(logical_id):
                self._update(resource)
        return resource

    def _create(self, logical_id: str) -> Resource:
        if logical_id in self._created:
            return self._created[logical_id]
        declared = self._template.resources[logical_id]
        if not self._wanted(logical_id):
            return Resource(self.deployment, logical_id, declared["Type"], {}, "", {})
        if logical_id in self._in_progress:
            circle = " → ".join([*self._in_progress, logical_id])
            raise TemplateError(f"Circular dependency between resources: {circle}")
        self._in_progress.append(logical_id)
        try:
            for other in _words(declared.get("DependsOn")):
                self._create(other)
            properties = self._properties(logical_id)
            resource = Resource(self.deployment, logical_id, declared["Type"], properties, "", {})
            self._settle(resource, find(resource.type_name, logical_id).create(resource))
        except TemplateError:
            raise
        except Exception as error:
            raise TemplateError(f"{logical_id} ({declared['Type']}): {error}") from error
        finally:
            self._in_progress.pop()
        self._created[logical_id] = resource
        return resource

    def _update(self, resource: Resource) -> None:
        properties = self._properties(resource.logical_id)
        if properties == resource.properties:
            return
        kind = find(resource.type_name, resource.logical_id)
        resource.old_properties, resource.properties = resource.properties, properties
        try:
            self._settle(resource, kind.update(resource))
        except Exception as error:
            resource.properties = resource.old_properties
            raise TemplateError(f"{resource.logical_id} ({resource.type_name}): {error}") from error
        log.info("updated %s", resource.logical_id)

    def _delete(self, resource: Resource) -> bool:
        """Whether the resource was kept."""
        declared = self._template.resources.get(resource.logical_id, {})
        if declared.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate"):
            return True
        try:
            find(resource.type_name, resource.logical_id).delete(resource)
        except Exception as error:
            self.status = "DELETE_FAILED"
            raise TemplateError(f"{resource.logical_id} ({resource.type_name}): {error}") from error
        return False

    def _properties(self, logical_id: str) -> dict[str, Any]:
        declared = self._template.resources[logical_id]
        kind = find(declared["Type"], logical_id)
        raw = declared.get("Properties") or {}
        unknown = set(raw) - kind.properties - kind.ignored
        if unknown and not kind.any_properties:
            raise TemplateError(
                f"{logical_id}: {declared['Type']} has no {sorted(unknown)} here: "
                f"add it in {type(kind).__module__.replace('.', '/')}.py"
            )
        kept = {name: value for name, value in raw.items() if name not in kind.ignored}
        resolved: dict[str, Any] = self._resolver.resolve(kept)
        return resolved

    @staticmethod
    def _settle(resource: Resource, created: Created) -> None:
        resource.physical_id = created.physical_id
        resource.attributes = dict(created.attributes)


def _words(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _listed(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ",".join(value)
