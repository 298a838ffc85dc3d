"""A function as the stack declares it, and what it finds around it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.clock import Clock
from local.constants import REGION
from local.permissions.authorization import Authorizer
from local.role_clients import Clients
from local.services.fork_server import base_environment


@dataclass(frozen=True)
class FunctionSpec:
    logical_id: str
    stem: str
    name: str
    arn: str
    handler: str
    code_dir: Path
    python_path: tuple[Path, ...]
    environment: Mapping[str, str]
    timeout_s: float
    memory_mb: int
    role_arn: str
    access_key_id: str
    reserved_concurrency: int | None = None
    log_group: str = ""
    """Empty: ``/aws/lambda/<name>``."""
    on_failure_arn: str | None = None
    """The queue or topic that gets what an asynchronous invocation could not do."""
    async_retries: int = 2
    may_loop: bool = False
    """Whether a chain of events may invoke it without end."""


@dataclass(frozen=True)
class Surroundings:
    """What functions find around them."""

    clock: Clock
    clients: Clients
    authorizer: Authorizer


def environment_of(spec: FunctionSpec, around: Surroundings) -> dict[str, str]:
    """Lambda's variables and the function's own, and nothing of the developer's but where programs
    are.
    """
    python_path = [str(spec.code_dir), *(str(path) for path in spec.python_path)]
    return {
        **base_environment(),
        "PYTHONPATH": os.pathsep.join(python_path),
        "_HANDLER": spec.handler,
        "LAMBDA_TASK_ROOT": str(spec.code_dir),
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{sys.version_info.minor}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": spec.access_key_id,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_ENDPOINT_URL": around.clients.endpoint,
        # StartSyncExecution goes to the host sync-<endpoint>, which is nowhere when the
        # endpoint is 127.0.0.1
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "LABELLOOP_LOCAL_CLOCK": around.clock.to_env(),
        **spec.environment,
    }
