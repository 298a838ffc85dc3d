"""Amazon Rekognition Custom Labels on this machine, with models that are really trained.

The embedded runtime hands it every Rekognition call, and the tests call it directly. Requests and
answers are those of the service's JSON protocol: timestamps are epoch seconds, binary members are
base64. The operations are in ``projects``, ``versions``, ``detection``, ``tags`` and
``project_policies``. It has what the stack calls, and what AWS's published programs for Custom
Labels do.

What it does not emulate: detection models trained on image-level labels, autoscaling beyond the
minimum of inference units, copying between accounts, and the account's limits on calls a second.

What Amazon does not say, and how it is here: a dataset may be changed and deleted while a training
uses it, for the training has copied its lines (of DeleteDataset's refusals only those of a dataset
at work are documented); the images are read while the training goes on. The image of a camera that
was turned is trained as it is in the file, and detected upright, which alone is documented. A model
whose start failed can be deleted, and neither started nor stopped.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.rekognition import shapes
from local.rekognition.account_resources import Account
from local.rekognition.detection import DetectionOperations
from local.rekognition.object_store import ObjectStore
from local.rekognition.orders import OrderError
from local.rekognition.project_policies import PolicyOperations
from local.rekognition.project_versions import VersionOperations
from local.rekognition.projects import ProjectOperations
from local.rekognition.resources import Durations, Quotas
from local.rekognition.service_error import ServiceError
from local.rekognition.tags import TagOperations


class RekognitionService:
    """The Custom Labels part of one account's Rekognition in one region. Threads may share it."""

    def __init__(
        self,
        objects: ObjectStore,
        clock: Callable[[], float],
        cache_dir: Path,
        region: str,
        account_id: str,
        *,
        tps_per_inference_unit: float = 5.0,
        time_scale: float = 1.0,
        durations: Durations | None = None,
        throughput_clock: Callable[[], float] = time.monotonic,
        quotas: Quotas | None = None,
    ) -> None:
        """``clock`` gives epoch seconds; emulated durations are divided by ``time_scale``.

        A clock that runs fast by itself needs no ``time_scale``. The throughput is measured in real
        seconds, by ``throughput_clock``. Amazon publishes none: 5 images a second is a choice.
        """
        self._account = account = Account(
            objects,
            clock,
            cache_dir,
            f"arn:aws:rekognition:{region}:{account_id}:project",
            tps_per_inference_unit=tps_per_inference_unit,
            time_scale=time_scale,
            durations=durations or Durations(),
            throughput_clock=throughput_clock,
            quotas=quotas or Quotas(),
        )
        self._versions = VersionOperations(account)
        self._operations = {
            **ProjectOperations(account).operations,
            **self._versions.operations,
            **DetectionOperations(account).operations,
            **TagOperations(account).operations,
            **PolicyOperations(account).operations,
        }

    def handle(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """The operation's answer. A request can cause no other exception than ServiceError."""
        if operation not in self._operations:
            message = f"The local Rekognition has no operation {operation}."
            raise ServiceError("UnknownOperationException", message)
        shapes.check_request(operation, request)
        return self._operations[operation](request)

    def order(self, wishes: dict[str, Any]) -> None:
        """Puts ``outcomes`` (see ``orders``) and ``quotas`` in force. Raises OrderError.

        Quotas that are not named are Amazon's own again.
        """
        unknown = set(wishes) - {"outcomes", "quotas"}
        if unknown:
            raise OrderError(f"unknown keys {sorted(unknown)}; known are outcomes and quotas")
        try:
            quotas = Quotas(**wishes.get("quotas", {}))
        except TypeError as error:
            raise OrderError(f"quotas: {error}") from error
        if not all(type(value) is int for value in vars(quotas).values()):
            raise OrderError(f"quotas: expected whole numbers, got {wishes['quotas']}")
        account = self._account
        with account.lock:
            account.orders.replace(wishes.get("outcomes", []))
            account.quotas = quotas
            for version in account.versions.values():
                version.ordered_status = account.orders.status_of(version.name)

    def orders(self) -> dict[str, Any]:
        """What is in force."""
        account = self._account
        return {"outcomes": account.orders.as_json(), "quotas": vars(account.quotas)}

    def close(self) -> None:
        """Waits for trainings that are under way, and drops those that are not."""
        self._versions.close()

    def source_refs(self, project_arn: str) -> list[str]:
        """Where the images of a project's datasets are: what a training will read."""
        with self._account.lock:
            return [
                entry.source_ref
                for dataset in self._account.datasets.values()
                if dataset.project_arn == project_arn
                for entry in dataset.entries.values()
            ]
