"""CloudWatch: log groups, alarms, dashboards. Alarms are kept, never raised."""

from __future__ import annotations

import json
from typing import Any

from local.stack.resources.base import Created, Resource, ResourceType, arn, integer, names


class LogGroup(ResourceType):
    type_name = "AWS::Logs::LogGroup"
    properties = names("LogGroupName RetentionInDays")
    ignored = names("Tags KmsKeyId LogGroupClass DataProtectionPolicy DeletionProtectionEnabled")

    def create(self, resource: Resource) -> Created:
        name = resource.name("LogGroupName", 512)
        resource.client("logs").create_log_group(logGroupName=name)
        _retain(resource, name)
        return Created(name, {"Arn": arn("logs", f"log-group:{name}:*")})

    def update(self, resource: Resource) -> Created:
        _retain(resource, resource.physical_id)
        return Created(resource.physical_id, resource.attributes)

    def delete(self, resource: Resource) -> None:
        resource.client("logs").delete_log_group(logGroupName=resource.physical_id)


def _retain(resource: Resource, name: str) -> None:
    if "RetentionInDays" in resource.properties:
        resource.client("logs").put_retention_policy(
            logGroupName=name, retentionInDays=integer(resource.properties["RetentionInDays"])
        )


class LogResourcePolicy(ResourceType):
    type_name = "AWS::Logs::ResourcePolicy"
    properties = names("PolicyDocument PolicyName")

    def create(self, resource: Resource) -> Created:
        name, document = resource.properties["PolicyName"], resource.properties["PolicyDocument"]
        text = document if isinstance(document, str) else json.dumps(document)
        resource.client("logs").put_resource_policy(policyName=name, policyDocument=text)
        return Created(name)

    def update(self, resource: Resource) -> Created:
        return self.create(resource)

    def delete(self, resource: Resource) -> None:
        resource.client("logs").delete_resource_policy(policyName=resource.physical_id)


class MetricFilter(ResourceType):
    type_name = "AWS::Logs::MetricFilter"
    properties = names("FilterName FilterPattern LogGroupName MetricTransformations")

    def create(self, resource: Resource) -> Created:
        name = resource.name("FilterName", 512)
        resource.client("logs").put_metric_filter(
            filterName=name,
            filterPattern=resource.properties["FilterPattern"],
            logGroupName=resource.properties["LogGroupName"],
            metricTransformations=[
                {
                    key[:1].lower() + key[1:]: value
                    for key, value in t.items()
                    if key != "Dimensions"
                }
                for t in resource.properties["MetricTransformations"]
            ],
        )
        return Created(name)

    def update(self, resource: Resource) -> Created:
        return self.create(resource)

    def delete(self, resource: Resource) -> None:
        resource.client("logs").delete_metric_filter(
            filterName=resource.physical_id, logGroupName=resource.properties["LogGroupName"]
        )


_WHOLE_NUMBERS = ("DatapointsToAlarm", "EvaluationPeriods", "Period")


class Alarm(ResourceType):
    type_name = "AWS::CloudWatch::Alarm"
    properties = names(
        "ActionsEnabled AlarmActions AlarmDescription AlarmName ComparisonOperator "
        "DatapointsToAlarm Dimensions EvaluateLowSampleCountPercentile EvaluationPeriods "
        "ExtendedStatistic InsufficientDataActions MetricName Metrics Namespace OKActions Period "
        "Statistic Threshold ThresholdMetricId TreatMissingData Unit"
    )

    def create(self, resource: Resource) -> Created:
        return self._put(resource, resource.name("AlarmName", 255))

    def update(self, resource: Resource) -> Created:
        return self._put(resource, resource.physical_id)

    @staticmethod
    def _put(resource: Resource, name: str) -> Created:
        settings: dict[str, Any] = {
            key: integer(value) if key in _WHOLE_NUMBERS else value
            for key, value in resource.properties.items()
            if key != "AlarmName"
        }
        if "Threshold" in settings:
            settings["Threshold"] = float(settings["Threshold"])
        resource.client("cloudwatch").put_metric_alarm(AlarmName=name, **settings)
        return Created(name, {"Arn": arn("cloudwatch", f"alarm:{name}")})

    def delete(self, resource: Resource) -> None:
        resource.client("cloudwatch").delete_alarms(AlarmNames=[resource.physical_id])


class CompositeAlarm(ResourceType):
    """Only its name: moto has no PutCompositeAlarm, and no alarm is raised here."""

    type_name = "AWS::CloudWatch::CompositeAlarm"
    properties = names(
        "ActionsEnabled ActionsSuppressor ActionsSuppressorExtensionPeriod "
        "ActionsSuppressorWaitPeriod AlarmActions AlarmDescription AlarmName AlarmRule "
        "InsufficientDataActions OKActions"
    )

    def create(self, resource: Resource) -> Created:
        name = resource.name("AlarmName", 255)
        return Created(name, {"Arn": arn("cloudwatch", f"alarm:{name}")})

    def update(self, resource: Resource) -> Created:
        return Created(resource.physical_id, resource.attributes)

    def delete(self, resource: Resource) -> None:
        """Nothing was made."""


class Dashboard(ResourceType):
    type_name = "AWS::CloudWatch::Dashboard"
    properties = names("DashboardBody DashboardName")

    def create(self, resource: Resource) -> Created:
        return self._put(resource, resource.name("DashboardName", 255))

    def update(self, resource: Resource) -> Created:
        return self._put(resource, resource.physical_id)

    @staticmethod
    def _put(resource: Resource, name: str) -> Created:
        body = resource.properties["DashboardBody"]
        text = body if isinstance(body, str) else json.dumps(body)
        json.loads(text)
        resource.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=text)
        return Created(name)

    def delete(self, resource: Resource) -> None:
        resource.client("cloudwatch").delete_dashboards(DashboardNames=[resource.physical_id])
