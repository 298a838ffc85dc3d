"""IAM: roles and their policies, which local/permissions/authorization.py enforces."""

from __future__ import annotations

from local.constants import ACCOUNT_ID
from local.stack.resources.base import Created, Resource, ResourceType, names


def role_arn(name: str, path: str = "/") -> str:
    """The ARN of the role."""
    return f"arn:aws:iam::{ACCOUNT_ID}:role{path}{name}"


class Role(ResourceType):
    type_name = "AWS::IAM::Role"
    properties = names(
        "RoleName Path AssumeRolePolicyDocument Policies ManagedPolicyArns Description"
    )
    ignored = names("Tags MaxSessionDuration")

    def create(self, resource: Resource) -> Created:
        name = resource.name("RoleName")
        arn = role_arn(name, resource.properties.get("Path", "/"))
        trust = resource.properties["AssumeRolePolicyDocument"]
        resource.services.authorizer.add_role(arn, resource.logical_id, trust)
        _put_policies(resource, arn)
        return Created(name, {"Arn": arn, "RoleId": f"AROA{name[-12:].replace('-', '0')}"})

    def update(self, resource: Resource) -> Created:
        arn = str(resource.attributes["Arn"])
        for policy in resource.old_properties.get("Policies", []):
            resource.services.authorizer.remove_policy(arn, policy["PolicyName"])
        _put_policies(resource, arn)
        return Created(resource.physical_id, resource.attributes)

    def delete(self, resource: Resource) -> None:
        arn = str(resource.attributes["Arn"])
        resource.services.authorizer.remove_role(arn)
        resource.services.identities.forget(arn)


def _put_policies(resource: Resource, arn: str) -> None:
    authorizer = resource.services.authorizer
    for policy in resource.properties.get("Policies", []):
        authorizer.put_policy(arn, policy["PolicyName"], policy["PolicyDocument"])
    for managed in resource.properties.get("ManagedPolicyArns", []):
        own = resource.deployment.managed_policies.get(managed)
        if own is not None:
            authorizer.put_policy(arn, managed, own)
        else:
            authorizer.attach_managed(arn, managed)


class Policy(ResourceType):
    type_name = "AWS::IAM::Policy"
    properties = names("PolicyName PolicyDocument Roles")

    def create(self, resource: Resource) -> Created:
        name = str(resource.properties["PolicyName"])
        for role in resource.properties.get("Roles", []):
            document = resource.properties["PolicyDocument"]
            resource.services.authorizer.put_policy(role_arn(role), name, document)
        return Created(resource.deployment.new_name(resource.logical_id, 64))

    def update(self, resource: Resource) -> Created:
        _take_from_roles(resource, resource.old_properties["PolicyName"])
        self.create(resource)
        return Created(resource.physical_id, resource.attributes)

    def delete(self, resource: Resource) -> None:
        _take_from_roles(resource, resource.properties["PolicyName"])


def _take_from_roles(resource: Resource, name: str) -> None:
    properties = resource.old_properties or resource.properties
    for role in properties.get("Roles", []):
        resource.services.authorizer.remove_policy(role_arn(role), name)


class ManagedPolicy(ResourceType):
    type_name = "AWS::IAM::ManagedPolicy"
    properties = names("ManagedPolicyName PolicyDocument Roles Description Path")

    def create(self, resource: Resource) -> Created:
        name = resource.name("ManagedPolicyName", 128)
        arn = f"arn:aws:iam::{ACCOUNT_ID}:policy{resource.properties.get('Path', '/')}{name}"
        document = resource.properties["PolicyDocument"]
        resource.deployment.managed_policies[arn] = document
        for role in resource.properties.get("Roles", []):
            resource.services.authorizer.put_policy(role_arn(role), arn, document)
        return Created(arn, {"PolicyArn": arn})

    def delete(self, resource: Resource) -> None:
        resource.deployment.managed_policies.pop(resource.physical_id, None)
        _take_from_roles(resource, resource.physical_id)
