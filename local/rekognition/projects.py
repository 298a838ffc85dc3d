"""The operations on projects and datasets; ``service`` hands them their requests."""

import base64
from collections.abc import Callable, Mapping

from local.rekognition.account_resources import Account, invalid, newest_first
from local.rekognition.distribution import TooFewImagesError, distribute
from local.rekognition.manifest import (
    Entry,
    UnreadableManifestError,
    box_counts,
    check_size,
    has_extension,
    label_counts,
    read_manifest,
)
from local.rekognition.paging import page
from local.rekognition.resources import Dataset, Json, Project
from local.rekognition.service_error import ServiceError


class ProjectOperations:
    """Makes, shows, fills and deletes projects and datasets."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.operations: dict[str, Callable[[Json], Json]] = {
            "CreateProject": self._create_project,
            "DescribeProjects": self._describe_projects,
            "DeleteProject": self._delete_project,
            "CreateDataset": self._create_dataset,
            "DescribeDataset": self._describe_dataset,
            "UpdateDatasetEntries": self._update_dataset_entries,
            "DistributeDatasetEntries": self._distribute_dataset_entries,
            "ListDatasetEntries": self._list_dataset_entries,
            "ListDatasetLabels": self._list_dataset_labels,
            "DeleteDataset": self._delete_dataset,
        }

    def _create_project(self, request: Json) -> Json:
        if request.get("Feature", "CUSTOM_LABELS") != "CUSTOM_LABELS":
            raise invalid("The local Rekognition has the feature CUSTOM_LABELS only.")
        if "AutoUpdate" in request:
            raise invalid("AutoUpdate is not supported for the feature CUSTOM_LABELS.")
        name = request["ProjectName"]
        with self._account.lock:
            self._account.forget_the_gone()
            if any(project.name == name for project in self._account.projects.values()):
                raise ServiceError("ResourceInUseException", f"A project {name} exists already.")
            if len(self._account.projects) >= self._account.quotas.projects:
                raise ServiceError("LimitExceededException", "There are too many projects.")
            arn = self._account.new_arn(name)
            self._account.projects[arn] = Project(arn, name, self._account.clock())
            self._account.note_tags(arn, request)
        return {"ProjectArn": arn}

    def _describe_projects(self, request: Json) -> Json:
        names, features = request.get("ProjectNames"), request.get("Features")
        with self._account.lock:
            self._account.forget_the_gone()
            found = [
                self._describe_project(project)
                for project in newest_first(self._account.projects)
                if (names is None or project.name in names)
                and (features is None or "CUSTOM_LABELS" in features)
            ]
        return page(request, found, "ProjectDescriptions", ("ProjectNames", "Features"))

    def _describe_project(self, project: Project) -> Json:
        now = self._account.clock()
        return {
            "ProjectArn": project.arn,
            "CreationTimestamp": project.created_at,
            "Status": project.status,
            "Datasets": [dataset.summarise(now) for dataset in self._account.datasets_of(project)],
            "Feature": "CUSTOM_LABELS",
        }

    def _delete_project(self, request: Json) -> Json:
        with self._account.lock:
            project = self._account.project(request["ProjectArn"])
            if any(
                version.project_arn == project.arn for version in self._account.versions.values()
            ):
                message = f"The project {project.name} still has models."
                raise ServiceError("ResourceInUseException", message)
            if self._account.datasets_of(project):
                message = f"The project {project.name} still has datasets."
                raise ServiceError("ResourceInUseException", message)
            project.gone_at = self._account.after(self._account.durations.project_deletion_s)
            return {"Status": project.status}

    def _create_dataset(self, request: Json) -> Json:
        with self._account.lock:
            self._check_dataset_is_new(request)
        entries, failure = self._read_dataset_source(request.get("DatasetSource"))
        with self._account.lock:
            project = self._check_dataset_is_new(request)
            kind = request["DatasetType"]
            arn = self._account.new_arn(f"{project.name}/dataset/{kind.lower()}")
            ready_at = self._account.after(self._account.durations.dataset_creation_s)
            self._account.datasets[arn] = Dataset(
                arn, project.arn, kind, self._account.clock(), ready_at, entries, failure
            )
            self._account.note_tags(arn, request)
        return {"DatasetArn": arn}

    def _check_dataset_is_new(self, request: Json) -> Project:
        project = self._account.project(request["ProjectArn"])
        kind = request["DatasetType"]
        if any(dataset.kind == kind for dataset in self._account.datasets_of(project)):
            message = f"The project {project.name} has a {kind} dataset already."
            raise ServiceError("ResourceAlreadyExistsException", message)
        return project

    def _read_dataset_source(self, source: Json | None) -> tuple[dict[str, Entry], str | None]:
        """The entries that a dataset starts with, and why it fails if it does."""
        if not source:
            return {}, None
        if set(source) == {"DatasetArn"}:
            with self._account.lock:
                original = self._account.readable_dataset(source["DatasetArn"])
                return dict(original.entries), None
        s3_object = source.get("GroundTruthManifest", {}).get("S3Object", {})
        if set(source) != {"GroundTruthManifest"} or not {"Bucket", "Name"} <= set(s3_object):
            raise invalid("DatasetSource must have either a GroundTruthManifest or a DatasetArn.")
        if not has_extension(s3_object["Name"]):
            return {}, (
                "ERROR_MANIFEST_INACCESSIBLE_OR_UNSUPPORTED_FORMAT: The manifest file's name has "
                "no extension."
            )
        return _read_entries(self._account.read_s3(s3_object), {})

    def _describe_dataset(self, request: Json) -> Json:
        with self._account.lock:
            dataset = self._account.dataset(request["DatasetArn"])
            return {"DatasetDescription": dataset.describe(self._account.clock())}

    def _update_dataset_entries(self, request: Json) -> Json:
        changes = base64.b64decode(request["Changes"]["GroundTruth"])
        with self._account.lock:
            dataset = self._account.dataset(request["DatasetArn"])
            self._account.check_dataset_is_idle(dataset)
            if dataset.status(self._account.clock()) == "CREATE_FAILED":
                raise invalid("The dataset could not be created, so it cannot be updated.")
            entries, failure = _read_entries(changes, dataset.entries)
            if not failure:
                dataset.entries = entries
            self._begin_update(dataset, failure)
        return {}

    def _begin_update(self, dataset: Dataset, failure: str | None) -> None:
        dataset.failure = failure
        dataset.verb = "UPDATE"
        dataset.ready_at = self._account.after(self._account.durations.dataset_update_s)

    def _distribute_dataset_entries(self, request: Json) -> Json:
        with self._account.lock:
            datasets = [self._account.dataset(item["Arn"]) for item in request["Datasets"]]
            by_kind = {dataset.kind: dataset for dataset in datasets}
            if set(by_kind) != {"TRAIN", "TEST"} or len({d.project_arn for d in datasets}) > 1:
                raise invalid("Datasets must be the training and test dataset of one project.")
            now = self._account.clock()
            for dataset in datasets:
                if not dataset.can_be_read(now):
                    message = f"The dataset is not ready: its status is {dataset.status(now)}."
                    raise ServiceError("ResourceNotReadyException", message)
            train, test = by_kind["TRAIN"], by_kind["TEST"]
            if test.entries:
                raise invalid("The test dataset must be empty.")
            failure = None
            try:
                staying, testing = distribute(train.entries.values())
            except TooFewImagesError:
                failure = (
                    "ERROR_INSUFFICIENT_IMAGES_PER_LABEL_FOR_DISTRIBUTE: The manifest file doesn't "
                    "have enough labeled images to distribute the dataset."
                )
            else:
                train.entries = {entry.source_ref: entry for entry in staying}
                test.entries = {entry.source_ref: entry for entry in testing}
            for dataset in datasets:
                self._begin_update(dataset, failure)
        return {}

    def _list_dataset_entries(self, request: Json) -> Json:
        with self._account.lock:
            entries = list(self._account.readable_dataset(request["DatasetArn"]).entries.values())
        lines = [entry.as_line() for entry in entries if _is_wanted(entry, request)]
        filters = ("ContainsLabels", "Labeled", "SourceRefContains", "HasErrors")
        return page(request, lines, "DatasetEntries", ("DatasetArn", *filters))

    def _list_dataset_labels(self, request: Json) -> Json:
        with self._account.lock:
            entries = list(self._account.readable_dataset(request["DatasetArn"]).entries.values())
        boxes = box_counts(entries)
        described = [
            {
                "LabelName": label,
                "LabelStats": {"EntryCount": count, "BoundingBoxCount": boxes.get(label, 0)},
            }
            for label, count in label_counts(entries).items()
        ]
        return page(request, described, "DatasetLabelDescriptions", ("DatasetArn",))

    def _delete_dataset(self, request: Json) -> Json:
        with self._account.lock:
            dataset = self._account.dataset(request["DatasetArn"])
            self._account.check_dataset_is_idle(dataset)
            dataset.gone_at = self._account.after(self._account.durations.dataset_deletion_s)
        return {}


def _read_entries(
    manifest: bytes, existing: Mapping[str, Entry]
) -> tuple[dict[str, Entry], str | None]:
    """The existing entries with the manifest's put in, and why that failed if it did."""
    try:
        entries = {**existing, **read_manifest(manifest)}
        check_size(entries.values())
    except UnreadableManifestError as error:
        return {}, str(error)
    return entries, None


def _is_wanted(entry: Entry, request: Json) -> bool:
    """Whether ListDatasetEntries' filters let the entry through."""
    if "ContainsLabels" in request and entry.all_labels.isdisjoint(request["ContainsLabels"]):
        return False
    if "Labeled" in request and request["Labeled"] != entry.is_labelled:
        return False
    if "HasErrors" in request and request["HasErrors"] != bool(entry.errors):
        return False
    wanted_text: str = request.get("SourceRefContains", "")
    return wanted_text in entry.source_ref
