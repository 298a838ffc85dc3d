"""Every policy of the template as IAM would get it: no intrinsic function is left in it.

Names and ARNs are made up, of the right kind. Called by ``scripts.linters``.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.constants import ACCOUNT_ID, REGION
from local.stack.intrinsics import Resolver
from local.stack.template import Template, load

STACK = "label-loop"
STACK_ID = (
    f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/{STACK}/b2a7d5e0-c6b3-11f0-9d5c-0a1b"
)
EVERYTHING = {"ReviewBackend": "a2i", "ImportBuckets": "one-archive,another-archive"}
"""Deployment parameters with which no statement is left out."""

_ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Cognito::UserPool": "arn:aws:cognito-idp:{region}:{account}:userpool/{region}_{name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::Lambda::LayerVersion": "arn:aws:lambda:{region}:{account}:layer:{name}:1",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::Scheduler::Schedule": "arn:aws:scheduler:{region}:{account}:schedule/default/{name}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
}
_REFERRED_TO_BY_ARN = {
    "AWS::Lambda::LayerVersion",
    "AWS::SNS::Topic",
    "AWS::StepFunctions::StateMachine",
}
_SERVICES = {"AWS::SQS::QueuePolicy": "Queues", "AWS::SNS::TopicPolicy": "Topics"}


class MadeUp:
    """What references lead to."""

    def __init__(self, template: Template) -> None:
        self._template = template

    def reference(self, logical_id: str) -> str:
        """What Ref gives: a name, or an ARN."""
        if self._template.resources[logical_id]["Type"] in _REFERRED_TO_BY_ARN:
            return self.attribute(logical_id, "Arn")
        return f"{STACK}-{logical_id}".lower()

    def attribute(self, logical_id: str, name: str) -> str:
        """What Fn::GetAtt gives."""
        pattern = _ARNS.get(self._template.resources[logical_id]["Type"])
        if name == "Arn" and pattern:
            made = f"{STACK}-{logical_id}".lower()
            return pattern.format(name=made, account=ACCOUNT_ID, region=REGION)
        if name == "StreamArn":
            # A stream's own label is a time, in whose colons parliament finds no ARN.
            return f"{self.attribute(logical_id, 'Arn')}/stream/label"
        return f"{logical_id}-{name}".lower()


def policies(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A name of where it stands, and the document, of every policy that gives permissions."""
    template = load(path, EVERYTHING)
    resolver = Resolver(template, STACK, STACK_ID, MadeUp(template))
    for name, resource in template.resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resolver.resolve(properties.get("Policies", [])):
                # SAM gives policies names that begin with that of the role.
                own = re.sub(f"^{name}", "", policy["PolicyName"])
                yield f"{name}.{own}", policy["PolicyDocument"]
        elif resource["Type"] in {"AWS::IAM::Policy", "AWS::S3::BucketPolicy", *_SERVICES}:
            yield name, resolver.resolve(properties["PolicyDocument"])
