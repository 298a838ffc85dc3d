"""Gateways ↔ botocore's models: the operations, their parameters, and the errors they may raise."""

import pytest

from labelloop import errors
from labelloop.aws.failures import BY_CODE
from tests.contract import aws_calls
from tests.contract.aws_calls import Call

CALLS = aws_calls.all_calls()
every_call = pytest.mark.parametrize("call", CALLS, ids=str)

PASSES_THROUGH = {
    # A name of ours that only somebody's deletion by hand makes wrong: better ugly than vague.
    "StateMachineDoesNotExist",
    "StateMachineDeleting",
    "QueueDoesNotExist",
    "NotFound",
    # Nothing in the template makes these possible: no keys of one's own in KMS, no VPC, no
    # container images, no file systems, no data types or policies of parameters, no table replicas.
    "CodeArtifactUserDeletedException",
    "CodeArtifactUserFailedException",
    "CodeArtifactUserPendingException",
    "InvalidParameterValueException",
    "RuntimeVersionDeletedException",
    "SnapStartRegenerationFailureException",
    "EC2AccessDeniedException",
    "EC2ThrottledException",
    "EC2UnexpectedException",
    "EFSIOException",
    "EFSMountConnectivityException",
    "EFSMountFailureException",
    "EFSMountTimeoutException",
    "ENILimitReachedException",
    "InvalidSecurityGroupIDException",
    "InvalidSubnetIDException",
    "SnapStartException",
    "SnapStartNotReadyException",
    "SnapStartTimeoutException",
    "SubnetIPAddressLimitReachedException",
    "S3FilesMountConnectivityException",
    "S3FilesMountFailureException",
    "S3FilesMountTimeoutException",
    "ModeNotSupportedException",
    "NoPublishedVersionException",
    "ReplicatedWriteConflictException",
    "InvalidKeyId",
    "UnsupportedParameterType",
    "PoliciesLimitExceededException",
    "InvalidPolicyTypeException",
    "InvalidPolicyAttributeException",
    "IncompatiblePolicyException",
    "ItemCollectionSizeLimitExceededException",
    "ObjectNotInActiveTierError",
    "EndpointDisabled",
    "PlatformApplicationDisabled",
    # Of a user pool's client nothing is asked for that a pool of ours does not allow.
    "FeatureUnavailableInTierException",
    "InvalidOAuthFlowException",
    "NotAuthorizedException",
    "OperationNotEnabledException",
    "ScopeDoesNotExistException",
    # Our own mistakes in a call: tests find them, and no caller could do anything about one.
    "InvalidArn",
    "InvalidAttributeName",
    "InvalidName",
    "InvalidAllowedPatternException",
    "InvalidResourceId",
    "InvalidResourceType",
    "TooManyTagsError",
    "InvalidFilterKey",
    "InvalidFilterOption",
    "InvalidFilterValue",
    "InvalidNextToken",
    "HierarchyLevelLimitExceededException",
    "HierarchyTypeMismatchException",
    "ParameterLimitExceeded",
    "ParameterMaxVersionLimitExceeded",
    "StateMachineTypeNotSupported",
    "InvalidParameter",
    "ParameterValueInvalid",
    "InvalidRequestContentException",
    "InvalidRuntimeException",
    "InvalidZipFileException",
    "RequestTooLargeException",
    "UnsupportedMediaTypeException",
    "SerializedRequestEntityTooLargeException",
    "RecursiveInvocationException",
    "RuntimeAliasDeletedException",
    "ResourceConflictException",
    "DurableExecutionAlreadyStartedException",
    "IdempotentParameterMismatchException",
    "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "InvalidBatchEntryId",
    "TooManyEntriesInBatchRequest",
    "InvalidAddress",
    "InvalidSecurity",
    "UnsupportedOperation",
    "InvalidRequest",
    "InvalidWriteOffset",
    "TooManyParts",
    "EncryptionTypeMismatch",
    # Where it may come, the gateway itself has the answer to it.
    "ParameterAlreadyExists",
}


@every_call
def test_a_call_names_an_operation_and_parameters_that_exist(call: Call) -> None:
    shape = call.operation.input_shape
    assert shape
    assert call.given <= set(shape.members)
    if call.complete:
        assert set(shape.required_members) <= call.given


@every_call
def test_an_error_that_a_call_may_raise_has_a_counterpart_or_a_reason_for_none(call: Call) -> None:
    for shape in call.operation.error_shapes:
        code = shape.metadata.get("error", {}).get("code", shape.name)
        status = shape.metadata.get("error", {}).get("httpStatusCode", 400)
        by_status = status >= 500 or shape.metadata.get("fault")
        known = {code, shape.name} & (BY_CODE.keys() | PASSES_THROUGH)
        kms = code.startswith(("KMS", "Kms"))
        assert known or by_status or kms, f"{call} may raise {code} ({status})"


def test_only_errors_without_counterpart_pass_through() -> None:
    assert not PASSES_THROUGH & BY_CODE.keys()
    possible = {
        name
        for call in CALLS
        for shape in call.operation.error_shapes
        for name in (shape.name, shape.metadata.get("error", {}).get("code", shape.name))
    }
    assert possible >= PASSES_THROUGH


def test_what_the_documentation_of_rekognition_calls_throttling_makes_the_caller_slower() -> None:
    for code in ("ThrottlingException", "ProvisionedThroughputExceededException"):
        assert BY_CODE[code] is errors.ThrottledError


def test_the_gateways_calls_were_found() -> None:
    services = {call.service for call in CALLS}
    assert services >= {"dynamodb", "lambda", "rekognition", "s3", "scheduler", "sns", "sqs", "ssm"}
    assert len(CALLS) > 30
