"""Deleting it, in the order in which nothing costs for long and nothing is made anew.

Each step looks at what there is and may be begun again at any time. What is refused is noted with
its reason, and the others go on.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from labelloop.aws import hosting_state, machine_clients, rekognition, rekognition_datasets
from labelloop.aws.failures import code_of, message_of
from labelloop.aws.rekognition import Version, VersionStatus
from labelloop.domain import archive
from labelloop.errors import BusyError, LabelLoopError, NotFoundError

from .. import costs, models, terminal
from ..failures import REFUSED, CommandError
from ..progress import Progress
from ..stack import Stack, caller, describe, look_up
from .things import datasets
from .traces import BUCKET, TABLE, USER_POOL, Resource, Traces, find

LOG_TABLE = "DetectionsTable"
ARCHIVE = archive.FOLDER.split("/", maxsplit=1)[0] + "/"
"""The folder of the log's archive, with what could not be archived."""
AT_ONCE = 1000
"""Objects that S3 deletes by one request."""
_DELETING, _GONE = "DELETE_IN_PROGRESS", "DELETE_COMPLETE"


@dataclass(frozen=True)
class Wishes:
    """What is to stay, and whether to wait for what cannot be ended."""

    keep_images: bool = False
    keep_log: bool = False
    wait: bool = True

    def keeps(self, resource: Resource) -> bool:
        """Whether a table or bucket stays, a bucket perhaps with less in it."""
        if resource.type_name == BUCKET:
            return self.keep_images or self.keep_log
        return self.keep_log and resource.logical_id == LOG_TABLE

    def keeps_object(self, key: str) -> bool:
        """Whether an object of the bucket stays: the log's archive is the log's."""
        return self.keep_log if key.startswith(ARCHIVE) else self.keep_images


@dataclass
class Destruction:
    """One run."""

    stack: Stack
    wishes: Wishes
    refused: dict[str, str] = field(default_factory=dict)
    """Why something could not be deleted, by its name."""
    progress: Progress = field(default_factory=Progress)

    def run(self) -> Traces:
        """Delete all that there is; what there is afterwards."""
        traces = find(self.stack)
        if traces.stack_id is not None:
            self._stop_the_workflow()
        self._stop_models(traces)
        if traces.stack_id is not None:
            self._delete_stack(traces.stack_id)
        # Twice: what ran when the stack went may have written its logs afterwards.
        for _ in range(2):
            self._delete_rest(find(self.stack))
        self.progress.end()
        return find(self.stack)

    def _delete_rest(self, traces: Traces) -> None:
        if traces.project_arn is not None:
            self._delete_project(traces.project_arn)
        for bucket in traces.of_type(BUCKET):
            with self._noting(bucket.physical_id):
                self._delete_bucket(bucket)
        for table in traces.of_type(TABLE):
            if not self.wishes.keeps(table):
                with self._noting(table.physical_id):
                    self._delete_table(table.physical_id)
        self._delete_parameters(traces.parameters)
        for pool, client in traces.clients:
            with self._noting(client.name):
                machine_clients.delete(pool, client.client_id)
        for pool_of_own in traces.of_type(USER_POOL):
            name = pool_of_own.physical_id
            if name not in traces.shared_pools:
                with self._noting(name):
                    self._delete_by("cognito-idp", "delete_user_pool", UserPoolId=name)
        for name in traces.log_groups:
            with self._noting(name):
                self._delete_by("logs", "delete_log_group", logGroupName=name)

    # --- What runs --------------------------------------------------------------------------------

    def _stop_the_workflow(self) -> None:
        """Let nothing be trained, deployed or started any more, as far as the stack still can."""
        deployed = look_up(self.stack)
        with deployed.gateways(), contextlib.suppress(*REFUSED):
            hosting_state.pause(caller(deployed))
            owner, status = models.training_lock()
            if owner is not None and status == "RUNNING":
                deployed.client("stepfunctions").stop_execution(
                    executionArn=owner, cause="labelloop destroy deletes the stack."
                )

    def _stop_models(self, traces: Traces) -> None:
        while traces.project_arn is not None:
            active = _stop(_versions(traces.project_arn), traces.project_arn)
            if not active:
                return
            self._wait_for(", ".join(f"{one.name} is {one.status}" for one in active))

    # --- The stack --------------------------------------------------------------------------------

    def _delete_stack(self, stack_id: str) -> None:
        cloudformation = self.stack.client("cloudformation")
        described: Mapping[str, Any] | None = describe(self.stack)
        if described is not None and described["StackStatus"] != _DELETING:
            cloudformation.delete_stack(StackName=stack_id)
        while True:
            (now,) = cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
            if now["StackStatus"] == _GONE:
                return
            if now["StackStatus"] == "DELETE_FAILED":
                raise CommandError(
                    f"CloudFormation could not delete the stack {self.stack.name}: "
                    f"{now.get('StackStatusReason', 'it gives no reason')} Mend that (aws "
                    "cloudformation describe-stack-events has the details), then run the same "
                    "command again: it goes on from here."
                )
            self._wait_for("the stack is being deleted")

    # --- Rekognition ------------------------------------------------------------------------------

    def _delete_project(self, arn: str) -> None:
        """The versions, the datasets and the project; each is there for a while after its end."""
        told = False
        while True:
            versions = _versions(arn)
            sets = {each.split(":project/")[1]: each for each in datasets(self.stack, arn)}
            training = [one.name for one in versions if one.status == _TRAINING]
            if training and not told:
                told = True
                words = f"{', '.join(training)} is being trained. {costs.of_training()}"
                terminal.say(words, err=True)
            if training and not self.wishes.wait:
                self.refused |= dict.fromkeys(sets, "the training that goes on may use it")
                self.refused |= dict.fromkeys(training, "it is trained, which cannot be stopped")
            # Somebody may have started one meanwhile.
            _stop(versions, arn)
            self._begin_to_delete(versions, sets)
            left = {*sets, *(one.name for one in versions)}
            if not left:
                break
            if not left - self.refused.keys():
                names = ", ".join(sorted(left))
                self.refused[self.stack.name] = f"it has {names}, which could not be deleted"
                return
            names = ", ".join(sorted(left - self.refused.keys()))
            doing = "trained, which cannot be stopped; Ctrl-C leaves it" if training else "deleted"
            self._wait_for(f"{names}: being {doing}")
        with self._noting(self.stack.name):
            self._delete_by("rekognition", "delete_project", ProjectArn=arn)
            while _project_is_there(self.stack, arn):
                self._wait_for("the project is being deleted")

    def _begin_to_delete(self, versions: list[Version], sets: Mapping[str, str]) -> None:
        for version in versions:
            if version.status not in {VersionStatus.DELETING, *_UNDER_WAY}:
                with self._noting(version.name):
                    rekognition.delete_version(version.arn)
        for name, arn in sets.items():
            with self._noting(name):
                rekognition_datasets.delete_dataset(arn)

    # --- What is stored ---------------------------------------------------------------------------

    def _delete_bucket(self, bucket: Resource) -> None:
        s3, name = self.stack.client("s3"), bucket.physical_id
        # Another account may have the name by now.
        own = {"Bucket": name, "ExpectedBucketOwner": _account(self.stack)}
        if self.wishes.keep_images and self.wishes.keep_log:
            return
        count = 0
        for page in s3.get_paginator("list_object_versions").paginate(**own):
            entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            going = [
                {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                for entry in entries
                if not self.wishes.keeps_object(entry["Key"])
            ]
            for first in range(0, len(going), AT_ONCE):
                objects = going[first : first + AT_ONCE]
                answer = s3.delete_objects(**own, Delete={"Objects": objects, "Quiet": True})
                for error in answer.get("Errors", []):
                    self.refused[name] = f"{error['Key']}: {error.get('Message', error['Code'])}"
                count += len(objects)
            self.progress.say(f"{count:,} versions of objects are deleted from {name}")
        for page in s3.get_paginator("list_multipart_uploads").paginate(**own):
            for upload in page.get("Uploads", []):
                self._delete_by(
                    "s3",
                    "abort_multipart_upload",
                    **own,
                    Key=upload["Key"],
                    UploadId=upload["UploadId"],
                )
        if not self.wishes.keeps(bucket) and name not in self.refused:
            self._delete_by("s3", "delete_bucket", **own)

    def _delete_table(self, name: str) -> None:
        dynamodb = self.stack.client("dynamodb")
        while True:
            try:
                status = dynamodb.describe_table(TableName=name)["Table"]["TableStatus"]
                if status != "DELETING":
                    dynamodb.delete_table(TableName=name)
            except ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    return
                if code_of(error) != "ResourceInUseException":
                    raise
            self._wait_for(f"the table {name} is being deleted")

    def _delete_parameters(self, names: list[str]) -> None:
        for first in range(0, len(names), 10):
            some = names[first : first + 10]
            with self._noting(*some):
                self.stack.client("ssm").delete_parameters(Names=some)

    # --- How --------------------------------------------------------------------------------------

    def _delete_by(self, service: str, operation: str, **request: Any) -> None:
        """Delete something, if it is there."""
        try:
            getattr(self.stack.client(service), operation)(**request)
        except ClientError as error:
            if code_of(error) not in _NOT_THERE:
                raise

    @contextlib.contextmanager
    def _noting(self, *names: str) -> Iterator[None]:
        """Go on without what is refused, and remember why; what is busy is tried again."""
        try:
            yield
        except (BusyError, NotFoundError):
            return
        except ClientError as error:
            why = message_of(error)
        except LabelLoopError as error:
            why = str(error)
        else:
            return
        self.refused.update(dict.fromkeys(names, why))

    def _wait_for(self, words: str) -> None:
        self.progress.say(words)
        time.sleep(self.stack.look_every_s)


_TRAINING = VersionStatus.TRAINING_IN_PROGRESS
_UNDER_WAY = {
    _TRAINING,
    VersionStatus.COPYING_IN_PROGRESS,
    VersionStatus.STARTING,
    VersionStatus.RUNNING,
    VersionStatus.STOPPING,
}
_NOT_THERE = {
    "NoSuchBucket",
    "NoSuchUpload",
    "ResourceNotFoundException",
}


def _versions(project_arn: str) -> list[Version]:
    """None where the project is gone."""
    try:
        return rekognition.listed(project_arn)
    except NotFoundError:
        return []


def _stop(versions: list[Version], project_arn: str) -> list[Version]:
    """Stop those that are or will be billed, and say which they are."""
    active = [version for version in versions if rekognition.is_active(version.status)]
    for version in active:
        # One that starts can be stopped when it runs.
        with contextlib.suppress(BusyError):
            rekognition.stop_version(version.arn, project_arn)
    return active


def _project_is_there(stack: Stack, arn: str) -> bool:
    try:
        answer = stack.client("rekognition").describe_projects(ProjectNames=[arn.split("/")[1]])
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return False
        raise
    return any(project["ProjectArn"] == arn for project in answer["ProjectDescriptions"])


def _account(stack: Stack) -> str:
    return str(stack.client("sts").get_caller_identity()["Account"])
