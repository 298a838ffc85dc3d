"""Where this deployment's things are, by the names that the template gives to functions.

Environment variables are a contract between the template and the code: each name stands once,
here, and a test holds the two against each other. This module reads mappings, never the process.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from labelloop.errors import ConfigurationError

TAG = "labelloop:stack"
"""Everything of a stack that takes tags has this one, with the stack's name."""


def tags_of(stack: str) -> dict[str, str]:
    """The tags of all that is the stack's."""
    return {TAG: stack}


class Variable(StrEnum):
    """The environment variables that the template sets."""

    ACCOUNT_ID = "ACCOUNT_ID"
    ANSWERS_QUEUE_URL = "ANSWERS_QUEUE_URL"
    ANSWERS_RULE = "ANSWERS_RULE"
    BUCKET_NAME = "BUCKET_NAME"
    CONSUMER_TOPIC_ARN = "CONSUMER_TOPIC_ARN"
    DETECTIONS_TABLE = "DETECTIONS_TABLE"
    DETECTION_EVENTS = "DETECTION_EVENTS"
    DETECT_SCOPE = "DETECT_SCOPE"
    DETECTION_QUEUE_URL = "DETECTION_QUEUE_URL"
    DETECTION_RULE = "DETECTION_RULE"
    DETECTION_RETENTION_DAYS = "DETECTION_RETENTION_DAYS"
    DETECTION_STATE_MACHINE_ARN = "DETECTION_STATE_MACHINE_ARN"
    FLOW_DEFINITION_ARN = "FLOW_DEFINITION_ARN"
    HUMAN_LOOP_ROLE_ARN = "HUMAN_LOOP_ROLE_ARN"
    LOG_SCOPE = "LOG_SCOPE"
    HOST_MODEL_FUNCTION = "HOST_MODEL_FUNCTION"
    HUMAN_REVIEW_STATE_MACHINE_ARN = "HUMAN_REVIEW_STATE_MACHINE_ARN"
    ALLOW_NEW_LABELS = "ALLOW_NEW_LABELS"
    IMAGE_ORIGINS = "IMAGE_ORIGINS"
    IMPORT_BUCKETS = "IMPORT_BUCKETS"
    MODEL_TYPE = "MODEL_TYPE"
    MODEL_VERSIONS_TABLE = "MODEL_VERSIONS_TABLE"
    OPERATORS_GROUP = "OPERATORS_GROUP"
    OPERATOR_TOPIC_ARN = "OPERATOR_TOPIC_ARN"
    PARAMETER_PREFIX = "PARAMETER_PREFIX"
    PROJECT_ARN = "PROJECT_ARN"
    READ_SCOPE = "READ_SCOPE"
    READ_TIMEOUT_S = "READ_TIMEOUT_S"
    REVIEWERS_GROUP = "REVIEWERS_GROUP"
    REVIEWERS_PER_IMAGE = "REVIEWERS_PER_IMAGE"
    REVIEW_LABELS = "REVIEW_LABELS"
    REVIEW_PAGE = "REVIEW_PAGE"
    REVIEW_TASKS_TABLE = "REVIEW_TASKS_TABLE"
    WORKTEAM_ARN = "WORKTEAM_ARN"
    USD_PER_INFERENCE_UNIT_HOUR = "USD_PER_INFERENCE_UNIT_HOUR"
    SAMPLING_SCHEDULE = "SAMPLING_SCHEDULE"
    SIGN_IN_URL = "SIGN_IN_URL"
    STACK_NAME = "STACK_NAME"
    TEST_SET_PERCENTAGE = "TEST_SET_PERCENTAGE"
    TRAINING_SCHEDULE = "TRAINING_SCHEDULE"
    USER_POOL_CLIENT_ID = "USER_POOL_CLIENT_ID"
    USER_POOL_ID = "USER_POOL_ID"
    USER_POOL_ISSUER = "USER_POOL_ISSUER"


OUTPUTS = {
    Variable.BUCKET_NAME: "BucketName",
    Variable.DETECTIONS_TABLE: "DetectionsTable",
    Variable.DETECTION_QUEUE_URL: "DetectionQueueUrl",
    Variable.MODEL_VERSIONS_TABLE: "ModelVersionsTable",
    Variable.PARAMETER_PREFIX: "ParameterPrefix",
    Variable.PROJECT_ARN: "ProjectArn",
    Variable.REVIEW_TASKS_TABLE: "ReviewTasksTable",
    Variable.USER_POOL_ID: "UserPoolId",
}
"""The stack's outputs that have the same, for who is no function."""

PARAMETERS = {
    Variable.IMPORT_BUCKETS: "ImportBuckets",
    Variable.TEST_SET_PERCENTAGE: "TestSetPercentage",
}
"""The deployment's parameters that have the same."""


@dataclass
class Wiring:
    """The variables of one function, checked when they are asked for."""

    environment: Mapping[str, str]

    def __getitem__(self, variable: Variable) -> str:
        """The variable's value. Raises ConfigurationError when the template did not set it."""
        value = self.environment.get(variable)
        if value is None:
            raise ConfigurationError(f"The template gives this function no {variable}.")
        return value

    def __contains__(self, variable: Variable) -> bool:
        """Whether the template set it."""
        return variable in self.environment

    def whole_number(self, variable: Variable) -> int:
        """The variable's value as a number. Raises ConfigurationError when it is none."""
        text = self[variable]
        if not text.isdecimal():
            raise ConfigurationError(f"{variable} is {text!r}, which is not a whole number.")
        return int(text)

    def names(self, variable: Variable) -> tuple[str, ...]:
        """The comma separated names in the variable, in their order, without empty ones."""
        return tuple(name.strip() for name in self[variable].split(",") if name.strip())

    def truth(self, variable: Variable) -> bool:
        """Whether the variable says true."""
        return self[variable] == "true"
