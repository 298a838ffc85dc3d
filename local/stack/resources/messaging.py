"""SNS topics, SQS queues, EventBridge rules and schedules."""

from __future__ import annotations

import json
from typing import Any

from local.permissions.actions import queue_arn
from local.stack.resources.base import Created, Resource, ResourceType, arn, integer, names
from local.stack.resources.compute import require_trust


class Topic(ResourceType):
    type_name = "AWS::SNS::Topic"
    properties = names("DisplayName KmsMasterKeyId Subscription TopicName")

    def create(self, resource: Resource) -> Created:
        sns, name = resource.client("sns"), resource.name("TopicName", 256)
        attributes = resource.parts("DisplayName", "KmsMasterKeyId")
        topic_arn = sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
        for subscription in resource.properties.get("Subscription", []):
            sns.subscribe(TopicArn=topic_arn, **subscription)
        return Created(topic_arn, {"TopicArn": topic_arn, "TopicName": name})

    def delete(self, resource: Resource) -> None:
        resource.client("sns").delete_topic(TopicArn=resource.physical_id)


class Subscription(ResourceType):
    type_name = "AWS::SNS::Subscription"
    properties = names(
        "Endpoint FilterPolicy FilterPolicyScope Protocol RawMessageDelivery RedrivePolicy TopicArn"
    )

    def create(self, resource: Resource) -> Created:
        attributes = {
            name: _as_attribute(value)
            for name, value in resource.parts(
                "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy"
            ).items()
        }
        subscription_arn = resource.client("sns").subscribe(
            TopicArn=resource.properties["TopicArn"],
            Protocol=resource.properties["Protocol"],
            Endpoint=resource.properties["Endpoint"],
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        return Created(subscription_arn, {"Arn": subscription_arn})

    def update(self, resource: Resource) -> Created:
        self.delete(resource)
        return self.create(resource)

    def delete(self, resource: Resource) -> None:
        resource.client("sns").unsubscribe(SubscriptionArn=resource.physical_id)


class _ResourcePolicy(ResourceType):
    """A policy that names the resources which it is for."""

    target_property: str

    def arns(self, resource: Resource) -> list[str]:
        """The resources, by ARN."""
        return list(resource.properties[self.target_property])

    def create(self, resource: Resource) -> Created:
        for target in self.arns(resource):
            resource.services.authorizer.put_resource_policy(
                target, resource.logical_id, resource.properties["PolicyDocument"]
            )
        return Created(resource.deployment.new_name(resource.logical_id, 128))

    def update(self, resource: Resource) -> Created:
        self.create(resource)
        return Created(resource.physical_id)

    def delete(self, resource: Resource) -> None:
        for target in self.arns(resource):
            resource.services.authorizer.remove_resource_policy(target, resource.logical_id)


class TopicPolicy(_ResourcePolicy):
    type_name = "AWS::SNS::TopicPolicy"
    properties = names("PolicyDocument Topics")
    target_property = "Topics"


class QueuePolicy(_ResourcePolicy):
    type_name = "AWS::SQS::QueuePolicy"
    properties = names("PolicyDocument Queues")
    target_property = "Queues"

    def arns(self, resource: Resource) -> list[str]:
        """The policy names queues by URL."""
        return [queue_arn(url) for url in resource.properties["Queues"]]


_QUEUE_ATTRIBUTES = (
    "DelaySeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)


class Queue(ResourceType):
    type_name = "AWS::SQS::Queue"
    properties = frozenset(("QueueName", *_QUEUE_ATTRIBUTES))

    def create(self, resource: Resource) -> Created:
        name = resource.name("QueueName", 80)
        attributes = {k: _as_attribute(v) for k, v in resource.parts(*_QUEUE_ATTRIBUTES).items()}
        url = resource.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return Created(url, {"Arn": arn("sqs", name), "QueueName": name, "QueueUrl": url})

    def update(self, resource: Resource) -> Created:
        attributes = {k: _as_attribute(v) for k, v in resource.parts(*_QUEUE_ATTRIBUTES).items()}
        resource.client("sqs").set_queue_attributes(
            QueueUrl=resource.physical_id, Attributes=attributes
        )
        return Created(resource.physical_id, resource.attributes)

    def delete(self, resource: Resource) -> None:
        resource.client("sqs").delete_queue(QueueUrl=resource.physical_id)


def _as_attribute(value: Any) -> str:
    """An attribute as SNS and SQS take it: always text."""
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _target(resource: Resource, given: dict[str, Any], service: str) -> dict[str, Any]:
    """The target with whole numbers as numbers; its role must trust the service."""
    if "RoleArn" in given:
        require_trust(resource, given["RoleArn"], service)
    if "RetryPolicy" not in given:
        return given
    policy = {name: integer(value) for name, value in given["RetryPolicy"].items()}
    return {**given, "RetryPolicy": policy}


class Rule(ResourceType):
    type_name = "AWS::Events::Rule"
    properties = names("Description EventPattern Name ScheduleExpression State Targets")

    def create(self, resource: Resource) -> Created:
        return self._put(resource, resource.name("Name"))

    def update(self, resource: Resource) -> Created:
        kept = {target["Id"] for target in resource.properties.get("Targets", [])}
        old = {target["Id"] for target in resource.old_properties.get("Targets", [])}
        if old - kept:
            resource.client("events").remove_targets(
                Rule=resource.physical_id, Ids=list(old - kept)
            )
        return self._put(resource, resource.physical_id)

    @staticmethod
    def _put(resource: Resource, name: str) -> Created:
        events = resource.client("events")
        settings = resource.parts("Description", "ScheduleExpression", "State")
        if "EventPattern" in resource.properties:
            settings["EventPattern"] = json.dumps(resource.properties["EventPattern"])
        rule_arn = events.put_rule(Name=name, **settings)["RuleArn"]
        targets = [
            _target(resource, target, "events.amazonaws.com")
            for target in resource.properties.get("Targets", [])
        ]
        if targets:
            failed = events.put_targets(Rule=name, Targets=targets)
            if failed.get("FailedEntryCount"):
                raise RuntimeError(f"targets were refused: {failed['FailedEntries']}")
        return Created(name, {"Arn": rule_arn})

    def delete(self, resource: Resource) -> None:
        events, name = resource.client("events"), resource.physical_id
        ids = [target["Id"] for target in resource.properties.get("Targets", [])]
        if ids:
            events.remove_targets(Rule=name, Ids=ids)
        events.delete_rule(Name=name)


class Schedule(ResourceType):
    type_name = "AWS::Scheduler::Schedule"
    properties = names(
        "Description EndDate FlexibleTimeWindow GroupName Name ScheduleExpression "
        "ScheduleExpressionTimezone StartDate State Target"
    )

    def create(self, resource: Resource) -> Created:
        name = resource.name("Name")
        created = resource.client("scheduler").create_schedule(Name=name, **_schedule(resource))
        return Created(name, {"Arn": created["ScheduleArn"]})

    def update(self, resource: Resource) -> Created:
        resource.client("scheduler").update_schedule(
            Name=resource.physical_id, **_schedule(resource)
        )
        return Created(resource.physical_id, resource.attributes)

    def delete(self, resource: Resource) -> None:
        resource.client("scheduler").delete_schedule(
            Name=resource.physical_id, **resource.parts("GroupName")
        )


def _schedule(resource: Resource) -> dict[str, Any]:
    settings = {k: v for k, v in resource.properties.items() if k != "Name"}
    settings["Target"] = _target(resource, settings["Target"], "scheduler.amazonaws.com")
    return settings


class ScheduleGroup(ResourceType):
    type_name = "AWS::Scheduler::ScheduleGroup"
    properties = names("Name")

    def create(self, resource: Resource) -> Created:
        name = resource.name("Name")
        group = resource.client("scheduler").create_schedule_group(Name=name)
        return Created(name, {"Arn": group["ScheduleGroupArn"]})

    def delete(self, resource: Resource) -> None:
        resource.client("scheduler").delete_schedule_group(Name=resource.physical_id)
