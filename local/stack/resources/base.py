"""What every resource type has in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from local.constants import ACCOUNT_ID, REGION
from local.stack.one_deployment import Deployment, Services


@dataclass(frozen=True)
class Created:
    """What Ref and Fn::GetAtt give for a resource."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Resource:
    """One resource of the stack, with resolved properties."""

    deployment: Deployment
    logical_id: str
    type_name: str
    properties: dict[str, Any]
    physical_id: str
    attributes: dict[str, Any]
    old_properties: dict[str, Any] = field(default_factory=dict)

    @property
    def services(self) -> Services:
        """What it is made in."""
        return self.deployment.services

    def client(self, service: str) -> Any:
        """The operator's client for the service."""
        return self.services.clients.client(service)

    def name(self, given: str, limit: int = 64) -> str:
        """The name that the property gives, or one made as CloudFormation makes them."""
        return str(self.properties.get(given) or self.deployment.new_name(self.logical_id, limit))

    def parts(self, *names: str, rename: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The named properties that are given, under the API's own names where `rename` has one."""
        new = rename or {}
        return {
            new.get(name, name): self.properties[name] for name in names if name in self.properties
        }


class ResourceType:
    """How to create, update and delete resources of one type.

    `properties` are understood; `ignored` change nothing that can be seen on one machine. Any other
    property stops the deployment.
    """

    type_name: ClassVar[str]
    properties: ClassVar[frozenset[str]] = frozenset()
    ignored: ClassVar[frozenset[str]] = frozenset(("Tags",))
    any_properties: ClassVar[bool] = False

    def create(self, resource: Resource) -> Created:
        """Make it."""
        raise NotImplementedError

    def update(self, resource: Resource) -> Created:
        """Bring it to its new properties; `resource.old_properties` has the ones before."""
        changed = sorted(
            name
            for name in {**resource.properties, **resource.old_properties}
            if resource.properties.get(name) != resource.old_properties.get(name)
        )
        raise NotImplementedError(f"cannot update {changed} here: deploy anew")

    def delete(self, resource: Resource) -> None:
        """Remove it."""
        raise NotImplementedError(f"cannot delete {resource.logical_id} here")


def names(text: str) -> frozenset[str]:
    """The words of the text, as a set of property names."""
    return frozenset(text.split())


def arn(service: str, rest: str) -> str:
    """An ARN of this account and Region."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{rest}"


def listed(value: Any) -> list[Any]:
    """A property that may be one or a list of them, as a list."""
    return value if isinstance(value, list) else [value]


def integer(value: Any) -> int:
    """A number that may have come through a parameter as text."""
    return int(float(value))


def truth(value: Any) -> bool:
    """A boolean that may have come through a parameter as text."""
    return str(value).lower() == "true"
