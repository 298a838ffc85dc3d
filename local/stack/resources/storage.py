"""S3 buckets, DynamoDB tables, SSM parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.constants import REGION
from local.stack.resources.base import Created, Resource, ResourceType, integer, names, truth


class Bucket(ResourceType):
    type_name = "AWS::S3::Bucket"
    properties = names(
        "BucketName BucketEncryption CorsConfiguration LifecycleConfiguration "
        "NotificationConfiguration OwnershipControls PublicAccessBlockConfiguration Tags "
        "VersioningConfiguration"
    )
    ignored = names("")

    def create(self, resource: Resource) -> Created:
        name = resource.name("BucketName", 63).lower()
        resource.client("s3").create_bucket(Bucket=name)
        _configure_bucket(resource, name)
        return Created(
            name,
            {
                "Arn": f"arn:aws:s3:::{name}",
                "DomainName": f"{name}.s3.amazonaws.com",
                "RegionalDomainName": f"{name}.s3.{REGION}.amazonaws.com",
            },
        )

    def update(self, resource: Resource) -> Created:
        _configure_bucket(resource, resource.physical_id)
        return Created(resource.physical_id, resource.attributes)

    def delete(self, resource: Resource) -> None:
        resource.client("s3").delete_bucket(Bucket=resource.physical_id)


def _configure_bucket(resource: Resource, name: str) -> None:
    s3, given = resource.client("s3"), resource.properties
    if "VersioningConfiguration" in given:
        s3.put_bucket_versioning(
            Bucket=name, VersioningConfiguration=given["VersioningConfiguration"]
        )
    if "Tags" in given:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": given["Tags"]})
    if "NotificationConfiguration" in given:
        s3.put_bucket_notification_configuration(
            Bucket=name,
            NotificationConfiguration=_notifications(given["NotificationConfiguration"]),
        )
    if "CorsConfiguration" in given:
        rules = [_cors_rule(rule) for rule in given["CorsConfiguration"]["CorsRules"]]
        s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": rules})
    if "PublicAccessBlockConfiguration" in given:
        block = {k: truth(v) for k, v in given["PublicAccessBlockConfiguration"].items()}
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)


def _cors_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """The rule with the API's names for what CloudFormation calls otherwise."""
    api_names = {"Id": "ID", "MaxAge": "MaxAgeSeconds", "ExposedHeaders": "ExposeHeaders"}
    renamed = {api_names.get(name, name): value for name, value in rule.items()}
    if "MaxAgeSeconds" in renamed:
        renamed["MaxAgeSeconds"] = integer(renamed["MaxAgeSeconds"])
    return renamed


def _notifications(given: dict[str, Any]) -> dict[str, Any]:
    unknown = set(given) - {"EventBridgeConfiguration"}
    if unknown:
        raise NotImplementedError(f"NotificationConfiguration {sorted(unknown)}")
    switch = given["EventBridgeConfiguration"].get("EventBridgeEnabled", True)
    return {"EventBridgeConfiguration": {}} if truth(switch) else {}


class BucketPolicy(ResourceType):
    type_name = "AWS::S3::BucketPolicy"
    properties = names("Bucket PolicyDocument")

    def create(self, resource: Resource) -> Created:
        # Only read, so that what cannot be understood is said. moto would enforce it, and without
        # looking at conditions: a denial of calls without TLS would deny everything.
        bucket_arn = f"arn:aws:s3:::{resource.properties['Bucket']}"
        resource.services.authorizer.put_resource_policy(
            bucket_arn, resource.logical_id, resource.properties["PolicyDocument"]
        )
        return Created(resource.deployment.new_name(resource.logical_id, 128))

    def update(self, resource: Resource) -> Created:
        self.create(resource)
        return Created(resource.physical_id)

    def delete(self, resource: Resource) -> None:
        bucket_arn = f"arn:aws:s3:::{resource.properties['Bucket']}"
        resource.services.authorizer.remove_resource_policy(bucket_arn, resource.logical_id)


class Table(ResourceType):
    type_name = "AWS::DynamoDB::Table"
    properties = names(
        "TableName AttributeDefinitions KeySchema GlobalSecondaryIndexes LocalSecondaryIndexes "
        "BillingMode ProvisionedThroughput SSESpecification StreamSpecification "
        "TimeToLiveSpecification PointInTimeRecoverySpecification DeletionProtectionEnabled "
        "TableClass Tags"
    )
    ignored = names("")

    def create(self, resource: Resource) -> Created:
        name, dynamodb = resource.name("TableName", 255), resource.client("dynamodb")
        settings = resource.parts(
            "AttributeDefinitions",
            "KeySchema",
            "GlobalSecondaryIndexes",
            "LocalSecondaryIndexes",
            "BillingMode",
            "ProvisionedThroughput",
            "DeletionProtectionEnabled",
            "TableClass",
            "Tags",
        )
        settings.update(_stream(resource))
        for index in settings.get("GlobalSecondaryIndexes", []):
            index.pop("ContributorInsightsSpecification", None)
        table = dynamodb.create_table(TableName=name, **settings)["TableDescription"]
        _configure_table(resource, name)
        return Created(name, _attributes(table))

    def update(self, resource: Resource) -> Created:
        configurable = {
            *("TimeToLiveSpecification", "PointInTimeRecoverySpecification"),
            "StreamSpecification",
        }
        old = {k: v for k, v in resource.old_properties.items() if k not in configurable}
        if old != {k: v for k, v in resource.properties.items() if k not in configurable}:
            return super().update(resource)
        _configure_table(resource, resource.physical_id)
        dynamodb, name = resource.client("dynamodb"), resource.physical_id
        if _stream(resource) and "StreamSpecification" not in resource.old_properties:
            dynamodb.update_table(TableName=name, **_stream(resource))
        elif resource.old_properties.get("StreamSpecification") != resource.properties.get(
            "StreamSpecification"
        ):
            raise NotImplementedError("a stream that is changed, or ended")
        return Created(name, _attributes(dynamodb.describe_table(TableName=name)["Table"]))

    def delete(self, resource: Resource) -> None:
        resource.client("dynamodb").delete_table(TableName=resource.physical_id)


def _stream(resource: Resource) -> dict[str, Any]:
    """The table's stream as the API has it; nothing where it has none."""
    given = resource.properties.get("StreamSpecification")
    return {"StreamSpecification": {"StreamEnabled": True, **given}} if given else {}


def _attributes(table: Mapping[str, Any]) -> dict[str, Any]:
    streamed = {"StreamArn": table["LatestStreamArn"]} if "LatestStreamArn" in table else {}
    return {"Arn": table["TableArn"], **streamed}


def _configure_table(resource: Resource, name: str) -> None:
    dynamodb, given = resource.client("dynamodb"), resource.properties
    if "TimeToLiveSpecification" in given:
        ttl = given["TimeToLiveSpecification"]
        dynamodb.update_time_to_live(
            TableName=name,
            TimeToLiveSpecification={**ttl, "Enabled": truth(ttl["Enabled"])},
        )
    if "PointInTimeRecoverySpecification" in given:
        enabled = given["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        dynamodb.update_continuous_backups(
            TableName=name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": truth(enabled)},
        )


class Parameter(ResourceType):
    type_name = "AWS::SSM::Parameter"
    properties = names("Name Type Value Description AllowedPattern Tier DataType")

    def create(self, resource: Resource) -> Created:
        return self._put(resource, resource.name("Name", 1011), overwrite=False)

    def update(self, resource: Resource) -> Created:
        return self._put(resource, resource.physical_id, overwrite=True)

    def delete(self, resource: Resource) -> None:
        resource.client("ssm").delete_parameter(Name=resource.physical_id)

    @staticmethod
    def _put(resource: Resource, name: str, overwrite: bool) -> Created:
        value = str(resource.properties["Value"])
        resource.client("ssm").put_parameter(
            Name=name,
            Value=value,
            Overwrite=overwrite,
            **resource.parts("Type", "Description", "AllowedPattern", "Tier", "DataType"),
        )
        return Created(name, {"Type": resource.properties["Type"], "Value": value})
