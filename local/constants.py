"""The one account, Region and address that the embedded runtime pretends to be."""

from __future__ import annotations

ACCOUNT_ID = "123456789012"  # moto's account for access keys that it does not know
REGION = "us-east-1"
PARTITION = "aws"
HOST = "127.0.0.1"
DEFAULT_PORT = 4566
STACK_NAME = "label-loop"
STATES_TIMEOUT = "States.Timeout"

CONTROL_PREFIX = "/_local/"
API_PREFIX = "/_api/"
SIGN_IN_PREFIX = "/_cognito/"
