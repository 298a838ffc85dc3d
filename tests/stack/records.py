"""What the stack knows: of images, of questions, of versions."""

from __future__ import annotations

from itertools import islice

from local.launch import wait_for
from tests.stack.bucket import Uploaded
from tests.stack.deployed import Deployed, Record


class Records(Deployed):
    """The stack's tables, and the service's own word about the model."""

    def record(self, upload: Uploaded) -> Record:
        """What the inference log says about an image; empty when it says nothing."""
        return self.item("DetectionsTable", detection_id=upload.detection_id)

    def records(self, prefix: str) -> list[Record]:
        """The inference log's records of the images whose keys begin so."""
        found = self._items("scan", TableName=self.outputs["DetectionsTable"])
        return [record for record in found if record["key"].startswith(prefix)]

    def wait_for_record(
        self,
        upload: Uploaded,
        outcome: str | None = None,
        has: str | None = None,
    ) -> Record:
        """The record of an image, once it has that outcome and that attribute."""

        def found() -> Record:
            record = self.record(upload)
            fits = outcome in {None, record.get("outcome")} and (has is None or has in record)
            return record if fits else {}

        what = f"the record of {upload.key} with outcome {outcome or 'any'} and {has or 'no more'}"
        try:
            return wait_for(found, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}; the record is {self.record(upload)}") from error

    def task(self, upload: Uploaded) -> Record:
        """The review task about an image; empty when there is none."""
        return self.item("ReviewTasksTable", task_id=upload.task_id)

    def tasks(self) -> list[Record]:
        """Every review task."""
        found = self._items("scan", TableName=self.outputs["ReviewTasksTable"])
        # The table has the reviewers' figures, too.
        return [item for item in found if "detection_id" in item]

    def wait_for_task(self, upload: Uploaded) -> Record:
        """The review task of an image, once there is one."""
        return wait_for(lambda: self.task(upload), f"the task of {upload.key}")

    def forget_tasks(self) -> None:
        """Remove every review task, so that nobody has to look through them for a new one."""
        table, tasks = self.outputs["ReviewTasksTable"], iter(self.tasks())
        while some := list(islice(tasks, 25)):  # as many as DynamoDB takes at once
            keys = ({"task_id": {"S": task["task_id"]}} for task in some)
            deletes = [{"DeleteRequest": {"Key": key}} for key in keys]
            self.client("dynamodb").batch_write_item(RequestItems={table: deletes})

    def versions(self) -> list[Record]:
        """What is known of every model version, the oldest first."""
        found = self._items(
            "query",
            TableName=self.outputs["ModelVersionsTable"],
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues={":kind": {"S": "version"}},
        )
        return sorted(found, key=lambda version: int(version["number"]))

    def deployed(self) -> str | None:
        """The version that serves."""
        version: str | None = self.item("ModelVersionsTable", kind="state", name="deployed").get(
            "version"
        )
        return version

    def model_statuses(self) -> dict[str, str]:
        """The service's own word about each version of the project."""
        answer = self.client("rekognition").describe_project_versions(
            ProjectArn=self.outputs["ProjectArn"]
        )
        return {
            entry["ProjectVersionArn"].split("/")[3]: entry["Status"]
            for entry in answer["ProjectVersionDescriptions"]
        }

    def dataset_arns(self) -> set[str]:
        """The project's datasets."""
        answer = self.client("rekognition").describe_projects(ProjectNames=[self.local.name])
        (project,) = answer["ProjectDescriptions"]
        return {dataset["DatasetArn"] for dataset in project["Datasets"]}
