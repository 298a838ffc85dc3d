"""Lambda: functions, layers, permissions, event source mappings and invoke configurations."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from local.constants import ACCOUNT_ID
from local.permissions.actions import function_arn
from local.services.function_spec import FunctionSpec
from local.services.stream_pollers import StreamSettings
from local.services.tokens import served_here
from local.stack.resources.base import Created, Resource, ResourceType, arn, integer, names, truth
from local.stack.template import SOURCE_BUCKET


def require_trust(resource: Resource, role_arn: str, service: str) -> None:
    """The service must be able to assume the role, as AWS makes sure when something gets a role."""
    context = {"aws:SourceAccount": ACCOUNT_ID}
    if not resource.services.authorizer.trusts(role_arn, service, context):
        raise PermissionError(f"the role {role_arn} cannot be assumed by {service}")


def source_dir(resource: Resource, address: Any) -> Path:
    """The folder that the template's local path names; the translator made an S3 address of it."""
    if not isinstance(address, dict) or address.get("S3Bucket") != SOURCE_BUCKET:
        raise NotImplementedError(f"code can only be run from a folder, not from {address!r}")
    folder = resource.deployment.root / str(address["S3Key"])
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    return folder


class Function(ResourceType):
    type_name = "AWS::Lambda::Function"
    properties = names(
        "Code DeadLetterConfig Environment FunctionName Handler Layers LoggingConfig MemorySize "
        "PackageType RecursiveLoop ReservedConcurrentExecutions Role Runtime Timeout"
    )
    ignored = names(
        "Architectures Description EphemeralStorage RuntimeManagementConfig SnapStart Tags "
        "TracingConfig"
    )

    def create(self, resource: Resource) -> Created:
        name = resource.name("FunctionName")
        resource.services.functions.register(_spec(resource, name))
        return Created(name, {"Arn": function_arn(name)})

    def update(self, resource: Resource) -> Created:
        resource.services.functions.register(_spec(resource, resource.physical_id))
        return Created(resource.physical_id, resource.attributes)

    def delete(self, resource: Resource) -> None:
        resource.services.functions.unregister(resource.physical_id)


def _spec(resource: Resource, name: str) -> FunctionSpec:
    given = resource.properties
    if given.get("PackageType", "Zip") != "Zip":
        raise NotImplementedError("functions in container images")
    stem = resource.logical_id.removesuffix("Function")
    require_trust(resource, given["Role"], "lambda.amazonaws.com")
    reserved = given.get("ReservedConcurrentExecutions")
    variables = given.get("Environment", {}).get("Variables", {})
    layers = [resource.deployment.layers[layer] for layer in given.get("Layers", [])]
    return FunctionSpec(
        logical_id=resource.logical_id,
        stem=stem,
        name=name,
        arn=function_arn(name),
        handler=given["Handler"],
        code_dir=source_dir(resource, given["Code"]),
        python_path=tuple(layers),
        environment={
            key: served_here(_text(value), resource.services.clients.endpoint)
            for key, value in variables.items()
        },
        timeout_s=float(given.get("Timeout", 3)),
        memory_mb=integer(given.get("MemorySize", 128)),
        role_arn=given["Role"],
        access_key_id=resource.services.identities.register(given["Role"], stem),
        reserved_concurrency=None if reserved is None else integer(reserved),
        log_group=given.get("LoggingConfig", {}).get("LogGroup", ""),
        on_failure_arn=given.get("DeadLetterConfig", {}).get("TargetArn"),
        may_loop=given.get("RecursiveLoop") == "Allow",
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class LayerVersion(ResourceType):
    type_name = "AWS::Lambda::LayerVersion"
    properties = names("Content LayerName")
    ignored = names("CompatibleArchitectures CompatibleRuntimes Description LicenseInfo")

    def create(self, resource: Resource) -> Created:
        layer_arn = arn("lambda", f"layer:{resource.name('LayerName', 140)}:1")
        resource.deployment.layers[layer_arn] = source_dir(resource, resource.properties["Content"])
        return Created(layer_arn, {"LayerVersionArn": layer_arn})

    def delete(self, resource: Resource) -> None:
        resource.deployment.layers.pop(resource.physical_id, None)


class Permission(ResourceType):
    type_name = "AWS::Lambda::Permission"
    properties = names("Action FunctionName Principal SourceAccount SourceArn")

    def create(self, resource: Resource) -> Created:
        given = resource.properties
        target = function_arn(given["FunctionName"])
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Principal": {"Service": given["Principal"]},
            "Action": given["Action"],
            "Resource": target,
            "Condition": {},
        }
        if "SourceArn" in given:
            statement["Condition"]["ArnLike"] = {"aws:SourceArn": given["SourceArn"]}
        if "SourceAccount" in given:
            statement["Condition"]["StringEquals"] = {"aws:SourceAccount": given["SourceAccount"]}
        resource.services.authorizer.put_resource_policy(
            target, resource.logical_id, {"Statement": [statement]}
        )
        return Created(resource.deployment.new_name(resource.logical_id, 100))

    def update(self, resource: Resource) -> Created:
        self.create(resource)
        return Created(resource.physical_id)

    def delete(self, resource: Resource) -> None:
        target = function_arn(resource.properties["FunctionName"])
        resource.services.authorizer.remove_resource_policy(target, resource.logical_id)


class EventSourceMapping(ResourceType):
    type_name = "AWS::Lambda::EventSourceMapping"
    properties = names(
        "BatchSize BisectBatchOnFunctionError DestinationConfig Enabled EventSourceArn "
        "FilterCriteria FunctionName FunctionResponseTypes MaximumBatchingWindowInSeconds "
        "MaximumRecordAgeInSeconds MaximumRetryAttempts ScalingConfig StartingPosition"
    )
    ignored = names("MetricsConfig Tags")

    def create(self, resource: Resource) -> Created:
        given = resource.properties
        if str(given["EventSourceArn"]).startswith("arn:aws:dynamodb:"):
            return self._create_of_stream(resource)
        unknown = set(given.get("FunctionResponseTypes", [])) - {"ReportBatchItemFailures"}
        if unknown or not str(given["EventSourceArn"]).startswith("arn:aws:sqs:"):
            raise NotImplementedError(
                f"event sources other than queues and streams of tables, {sorted(unknown)}"
            )
        target = function_arn(given["FunctionName"])
        concurrency = given.get("ScalingConfig", {}).get("MaximumConcurrency")
        mapping_id = resource.services.queues.add(
            function_arn=target,
            queue_arn=given["EventSourceArn"],
            batch_size=integer(given.get("BatchSize", 10)),
            max_batching_window_s=float(given.get("MaximumBatchingWindowInSeconds", 0)),
            report_batch_item_failures="FunctionResponseTypes" in given,
            maximum_concurrency=None if concurrency is None else integer(concurrency),
            role_arn=resource.services.functions.spec(target).role_arn,
            enabled=str(given.get("Enabled", True)).lower() == "true",
        )
        return Created(mapping_id, {"Id": mapping_id})

    def update(self, resource: Resource) -> Created:
        self.delete(resource)
        return self.create(resource)

    @staticmethod
    def _create_of_stream(resource: Resource) -> Created:
        given = resource.properties
        if given["StartingPosition"] != "TRIM_HORIZON" or "FunctionResponseTypes" in given:
            raise NotImplementedError("streams that are read otherwise than from their beginning")
        destination = given.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if destination is not None and not destination.startswith("arn:aws:s3:::"):
            raise NotImplementedError(f"a stream's failures to {destination}")
        mapping_id = resource.services.streams.add(
            function_arn(given["FunctionName"]),
            given["EventSourceArn"],
            StreamSettings(
                batch_size=integer(given.get("BatchSize", 100)),
                window_s=float(given.get("MaximumBatchingWindowInSeconds", 0)),
                filters=[
                    json.loads(one["Pattern"])
                    for one in given.get("FilterCriteria", {}).get("Filters", [])
                ],
                bisect=truth(given.get("BisectBatchOnFunctionError", False)),
                retries=integer(given["MaximumRetryAttempts"]),
                max_age_s=float(given["MaximumRecordAgeInSeconds"]),
                bucket=destination and destination.rsplit(":", 1)[1],
            ),
        )
        return Created(mapping_id, {"Id": mapping_id})

    def delete(self, resource: Resource) -> None:
        is_stream = str(resource.properties["EventSourceArn"]).startswith("arn:aws:dynamodb:")
        pollers = resource.services.streams if is_stream else resource.services.queues
        pollers.remove(resource.physical_id)


class EventInvokeConfig(ResourceType):
    type_name = "AWS::Lambda::EventInvokeConfig"
    properties = names(
        "DestinationConfig FunctionName MaximumRetryAttempts MaximumEventAgeInSeconds Qualifier"
    )

    def create(self, resource: Resource) -> Created:
        given, functions = resource.properties, resource.services.functions
        unknown = set(given.get("DestinationConfig", {})) - {"OnFailure"}
        if unknown or given.get("Qualifier", "$LATEST") != "$LATEST":
            raise NotImplementedError(f"{sorted(unknown)}, Qualifier {given.get('Qualifier')}")
        spec = functions.spec(given["FunctionName"])
        destination = given.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        functions.register(
            dataclasses.replace(
                spec,
                on_failure_arn=destination or spec.on_failure_arn,
                async_retries=integer(given.get("MaximumRetryAttempts", 2)),
            )
        )
        return Created(resource.deployment.new_name(resource.logical_id, 100))

    def update(self, resource: Resource) -> Created:
        self.create(resource)
        return Created(resource.physical_id)

    def delete(self, resource: Resource) -> None:
        """It goes with its function."""
