"""The state of one account's Custom Labels, and how operations look into it.

It exists so that each group of operations can have a module of its own: ``projects``, ``versions``
and ``detection`` share it, and ``service`` makes it.
"""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from labelvision.backbone import Backbone
from labelvision.conversion import convert_into
from local.rekognition.object_store import ObjectStore
from local.rekognition.orders import Orders
from local.rekognition.resources import (
    Dataset,
    Durations,
    Json,
    Project,
    ProjectVersion,
    Quotas,
)
from local.rekognition.service_error import ServiceError

Item = TypeVar("Item")


class Account:
    """Projects, datasets and versions by ARN, under one lock."""

    def __init__(
        self,
        objects: ObjectStore,
        clock: Callable[[], float],
        cache_dir: Path,
        arn_prefix: str,
        *,
        tps_per_inference_unit: float,
        time_scale: float,
        durations: Durations,
        throughput_clock: Callable[[], float],
        quotas: Quotas,
    ) -> None:
        self.objects = objects
        self.clock = clock
        self._arn_prefix = arn_prefix
        self.tps_per_inference_unit = tps_per_inference_unit
        self.durations = durations
        self.throughput_clock = throughput_clock
        self.quotas = quotas
        self.orders = Orders()
        self.projects: dict[str, Project] = {}
        self.datasets: dict[str, Dataset] = {}
        self.versions: dict[str, ProjectVersion] = {}
        self.tags: dict[str, dict[str, str]] = {}
        """By the ARN of what they are on."""
        # Guards the four above. Nothing slow is done under it: no S3, no network, no training.
        self.lock = threading.RLock()
        self._cache_dir = cache_dir
        self._time_scale = time_scale
        self._last_arn_ms = 0
        self._backbone: Backbone | None = None
        self._backbone_lock = threading.Lock()

    def read_s3(self, s3_object: Json) -> bytes:
        """The object's content. Raises InvalidS3ObjectException, as a ServiceError."""
        try:
            return self.objects.get(
                s3_object["Bucket"], s3_object["Name"], s3_object.get("Version")
            )
        except (KeyError, PermissionError) as error:
            message = (
                "Unable to get object metadata from S3. Check object key, region and/or access "
                "permissions."
            )
            raise ServiceError("InvalidS3ObjectException", message) from error

    def backbone(self) -> Backbone:
        """The backbone, loaded when first needed: it takes half a second or so."""
        with self._backbone_lock:
            if self._backbone is None:
                convert_into(self._cache_dir)
                self._backbone = Backbone(self._cache_dir)
            return self._backbone

    def new_arn(self, path: str) -> str:
        """The ARN of a new resource of the project ``path`` begins with.

        It ends in epoch milliseconds, but never the same twice.
        """
        self._last_arn_ms = max(self._last_arn_ms + 1, int(self.clock() * 1000))
        return f"{self._arn_prefix}/{path}/{self._last_arn_ms}"

    def after(self, duration_s: float) -> float:
        """When work that takes so long, before time scaling, will be done."""
        return self.clock() + duration_s / self._time_scale

    def forget_the_gone(self) -> None:
        """Lets go of all whose deletion has ended."""
        now = self.clock()
        for resources in (self.projects, self.datasets, self.versions):
            gone = [
                arn
                for arn, resource in resources.items()
                if resource.gone_at is not None and now >= resource.gone_at
            ]
            for arn in gone:
                del resources[arn]
                self.tags.pop(arn, None)

    def project(self, arn: str) -> Project:
        """The project. Raises ResourceNotFoundException, also while it is being deleted."""
        self.forget_the_gone()
        project = self.projects.get(arn)
        if project is None or project.gone_at is not None:
            raise not_found("project", arn)
        return project

    def dataset(self, arn: str) -> Dataset:
        """The dataset. Raises ResourceNotFoundException."""
        self.forget_the_gone()
        if arn not in self.datasets:
            raise not_found("dataset", arn)
        return self.datasets[arn]

    def version(self, arn: str) -> ProjectVersion:
        """The project version. Raises ResourceNotFoundException."""
        self.forget_the_gone()
        if arn not in self.versions:
            raise not_found("project version", arn)
        return self.versions[arn]

    def note_tags(self, arn: str, request: Json) -> None:
        """Puts the tags of a request that makes a resource on it."""
        if request.get("Tags"):
            self.tags[arn] = dict(request["Tags"])

    def datasets_of(self, project: Project) -> list[Dataset]:
        """The project's datasets."""
        return [item for item in self.datasets.values() if item.project_arn == project.arn]

    def readable_dataset(self, arn: str) -> Dataset:
        """The dataset, if its entries may be listed. Raises a ServiceError if they may not."""
        dataset = self.dataset(arn)
        now = self.clock()
        if dataset.status(now) == "UPDATE_IN_PROGRESS":
            raise ServiceError("ResourceInUseException", "The dataset is being updated.")
        if not dataset.can_be_read(now):
            message = f"The dataset is not ready: its status is {dataset.status(now)}."
            raise ServiceError("ResourceNotReadyException", message)
        return dataset

    def check_dataset_is_idle(self, dataset: Dataset) -> None:
        """Raises ResourceInUseException while work on the dataset is going on."""
        status = dataset.status(self.clock())
        if status.endswith("_IN_PROGRESS"):
            message = f"The dataset is in use: its status is {status}."
            raise ServiceError("ResourceInUseException", message)


def newest_first(resources: Mapping[str, Item]) -> list[Item]:
    """The resources in the order in which Describe operations list them."""
    return list(resources.values())[::-1]


def invalid(message: str) -> ServiceError:
    """The error for a request that cannot be right."""
    return ServiceError("InvalidParameterException", message)


def not_found(what: str, arn: str) -> ServiceError:
    """The error for an ARN that names nothing."""
    return ServiceError("ResourceNotFoundException", f"There is no {what} {arn}.")
