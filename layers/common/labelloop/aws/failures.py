"""AWS's errors as ours: one table, consulted wherever a gateway calls AWS.

An error code that is not in the table passes through as botocore raised it: better an ugly name in
a log than a wrong one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from labelloop import errors

BY_CODE: dict[str, type[errors.LabelLoopError]] = {
    # any service
    "AccessDenied": errors.PermissionMissingError,
    "AccessDeniedException": errors.PermissionMissingError,
    "AuthorizationError": errors.PermissionMissingError,
    "InternalException": errors.ServiceFailedError,
    "InternalError": errors.ServiceFailedError,
    "InternalFailure": errors.ServiceFailedError,
    "InternalServerError": errors.ServiceFailedError,
    "RequestLimitExceeded": errors.ThrottledError,
    "RequestThrottled": errors.ThrottledError,
    "RequestTimeout": errors.ServiceFailedError,
    "ServiceUnavailable": errors.ServiceFailedError,
    "SlowDown": errors.ThrottledError,
    "Throttling": errors.ThrottledError,
    "ThrottlingException": errors.ThrottledError,
    "TooManyRequestsException": errors.ThrottledError,
    "ValidationException": errors.InvalidRequestError,
    # Rekognition
    "ImageTooLargeException": errors.InvalidImageError,
    "InvalidImageFormatException": errors.InvalidImageError,
    "InvalidParameterException": errors.InvalidRequestError,
    "InvalidPaginationTokenException": errors.InvalidRequestError,
    "InvalidS3ObjectException": errors.ObjectUnreadableError,
    "LimitExceededException": errors.QuotaExceededError,
    "ProvisionedThroughputExceededException": errors.ThrottledError,
    "ResourceAlreadyExistsException": errors.BusyError,
    "ResourceInUseException": errors.BusyError,
    "ResourceNotFoundException": errors.NotFoundError,
    "ResourceNotReadyException": errors.ModelNotReadyError,
    "ServiceQuotaExceededException": errors.QuotaExceededError,
    # DynamoDB
    "ConditionalCheckFailedException": errors.ChangedMeanwhileError,
    "TransactionCanceledException": errors.ChangedMeanwhileError,
    "TransactionConflictException": errors.ChangedMeanwhileError,
    "TransactionInProgressException": errors.BusyError,
    # S3
    "InvalidObjectState": errors.ObjectUnreadableError,
    "NoSuchBucket": errors.NotFoundError,
    "NoSuchKey": errors.NotFoundError,
    "NoSuchVersion": errors.NotFoundError,
    "KeyTooLongError": errors.InvalidRequestError,
    # To HEAD requests S3 tells the status alone.
    "400": errors.InvalidRequestError,
    "404": errors.NotFoundError,
    "403": errors.PermissionMissingError,
    "PreconditionFailed": errors.ChangedMeanwhileError,
    "ConditionalRequestConflict": errors.ChangedMeanwhileError,
    # SSM
    "ParameterNotFound": errors.NotFoundError,
    "ParameterPatternMismatchException": errors.InvalidRequestError,
    "TooManyUpdates": errors.ThrottledError,
    # Step Functions
    "ExecutionDoesNotExist": errors.NotFoundError,
    "ExecutionLimitExceeded": errors.ThrottledError,
    "InvalidExecutionInput": errors.InvalidRequestError,
    # SageMaker
    "ResourceInUse": errors.BusyError,
    "ResourceLimitExceeded": errors.QuotaExceededError,
    "ResourceNotFound": errors.NotFoundError,
    # Cognito
    "ConcurrentModificationException": errors.BusyError,
    "InternalErrorException": errors.ServiceFailedError,
    "InternalServerException": errors.ServiceFailedError,
    "UserNotFoundException": errors.NotFoundError,
    # API Gateway
    "BadRequestException": errors.InvalidRequestError,
    "NotFoundException": errors.NotFoundError,
    # EventBridge Scheduler, human loops
    "ConflictException": errors.ChangedMeanwhileError,
}

_UNREACHABLE = (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)


def code_of(error: ClientError) -> str:
    """The service's own name for the error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message_of(error: ClientError) -> str:
    """The service's own words about the error; they may end up in a message to somebody."""
    return str(error.response.get("Error", {}).get("Message") or error)


@contextmanager
def translated() -> Iterator[None]:
    """Raise our own errors in place of the AWS errors that have a counterpart, chained."""
    try:
        yield
    except ClientError as error:
        known = BY_CODE.get(code_of(error))
        if (
            known is None
            and error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500
        ):
            known = errors.ServiceFailedError
        if known is None:
            raise
        raise known(message_of(error)) from error
    except _UNREACHABLE as error:
        raise errors.ServiceFailedError(str(error)) from error
