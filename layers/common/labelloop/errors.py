"""Every failure that Label Loop knows by name. The class says what the caller should do.

    LabelLoopError
      + RetryableError             the same call may succeed later
      |   + ThrottledError             the service asks for a slower pace
      |   |   + ThrottledOnceDetectedError   the image is in the log already
      |   + ServiceFailedError         the service failed on its side
      |   + ModelNotReadyError         the model is not RUNNING
      |   + ModelHoursSpentError       models have run as long today (UTC) as they may
      |   + ApiImagesSpentError        as many images came by the API today (UTC) as may
      |   + BusyError                  the resource is being changed by somebody else
      |   + ChangedMeanwhileError      another writer was first: read again
      + RefusedError               it cannot succeed as asked
      |   + ConfigurationError         the deployment or a parameter is wrong
      |   + ConflictError              something else was done meanwhile, and it stands
      |   + InvalidRequestError        the request breaks a rule of the service or of ours
      |   + InvalidImageError          the service will never take this image
      |   + TooLargeError              it is larger than it may be
      |   + NotAllowedError            the person who asks may not do this
      |   + NotFoundError              what was asked for does not exist
      |   + ObjectUnreadableError      the service cannot read an object: gone or not permitted
      |   + PermissionMissingError     a role lacks a permission
      |   + TookTooLongError           the service was given more time than it ever needs
      |   + QuotaExceededError         an account's limit is reached
      |   + TrainingInProgressError    one training at a time
      |   + UntrainableError           the labelled images are not enough for a model
      |   + MalformedAnswerError       an answer file does not say what A2I's format says
      + InconsistentError          two records disagree; a person should look
          + UnknownStatusError         a status that the documentation does not list

The names are part of the contract with the state machines: ``ErrorEquals`` matches them.
"""

UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What comes of reading JSON as if it were what it should be: anything may stand in it."""


class LabelLoopError(Exception):
    """The root of all failures that have a name here."""


class RetryableError(LabelLoopError):
    """The same call may succeed later."""


class ThrottledError(RetryableError):
    """The service asks for a slower pace."""


class ThrottledOnceDetectedError(ThrottledError):
    """The image is in the log already."""


class ServiceFailedError(RetryableError):
    """The service failed on its side."""


class ModelNotReadyError(RetryableError):
    """The model is not RUNNING."""


class ModelHoursSpentError(RetryableError):
    """Models have run as long today (UTC) as they may."""


class ApiImagesSpentError(RetryableError):
    """As many images came by the API today (UTC) as may."""


class BusyError(RetryableError):
    """The resource is being changed by somebody else."""


class ChangedMeanwhileError(RetryableError):
    """Another writer was first: read again."""


class RefusedError(LabelLoopError):
    """It cannot succeed as asked."""


class ConfigurationError(RefusedError):
    """The deployment or a parameter is wrong."""


class ConflictError(RefusedError):
    """Something else was done meanwhile, and it stands."""


class InvalidRequestError(RefusedError):
    """The request breaks a rule of the service or of ours."""


class InvalidImageError(RefusedError):
    """The service will never take this image."""


class NotAllowedError(RefusedError):
    """The person who asks may not do this."""


class NotFoundError(RefusedError):
    """What was asked for does not exist."""


class ObjectUnreadableError(RefusedError):
    """The service cannot read an object: gone or not permitted."""


class PermissionMissingError(RefusedError):
    """A role lacks a permission."""


class TooLargeError(RefusedError):
    """It is larger than it may be."""


class TookTooLongError(RefusedError):
    """The service was given more time than it ever needs."""


class QuotaExceededError(RefusedError):
    """An account's limit is reached."""


class TrainingInProgressError(RefusedError):
    """One training at a time."""


class UntrainableError(RefusedError):
    """The labelled images are not enough for a model."""


class MalformedAnswerError(RefusedError):
    """An answer file does not say what A2I's format says."""


class InconsistentError(LabelLoopError):
    """Two records disagree; a person should look."""


class UnknownStatusError(InconsistentError):
    """A status that the documentation does not list."""
