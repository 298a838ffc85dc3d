"""ExplainTrainingFailure: say in words why a training failed, and note it in the version's record.

Invoked by  statemachine/model_training.asl.yaml, state ``ExplainTrainingFailure``
Raises      ThrottledError, ServiceFailedError   retried by the state machine
            UnknownStatusError   caught: the operator is told of the failure as it came
Idempotent  yes; a second call writes the same words
"""

from collections.abc import Iterator

from labelloop import clock
from labelloop.aws import model_versions, objects, rekognition
from labelloop.aws.rekognition import S3Location
from labelloop.domain import training_failures
from labelloop.domain.model_versions import VersionRecord
from labelloop.domain.splits import Split
from labelloop.domain.training_failures import Explanation
from labelloop.domain.wording import cause_in_words
from labelloop.entrypoint import Strict, task
from labelloop.errors import NotFoundError


class Input(Strict):
    """The version that was not trained, and what stopped the workflow: a Step Functions cause."""

    version: str
    cause: str


class Output(Strict):
    """Why it failed: for an e-mail, and sentence by sentence."""

    explanation: str
    sentences: list[str]


@task
def lambda_handler(request: Input) -> Output:
    """Put the service's findings into words, as far as there are any."""
    explanation = _explain(request)
    now = clock.iso(clock.now())
    model_versions.note(VersionRecord(name=request.version, failure=explanation.text, ended=now))
    return Output(explanation=explanation.text, sentences=list(explanation.sentences))


def _explain(request: Input) -> Explanation:
    try:
        version = rekognition.version(request.version)
    except NotFoundError:
        # It did not come to a training: a dataset was refused before.
        return training_failures.explain(cause_in_words({"cause": request.cause}), None, {})
    reason = (
        f"Rekognition gave the version the status {version.status}: "
        f"{version.status_message or 'it does not say why.'}"
    )
    validations = {
        Split.TRAIN: _lines(version.training_validation),
        Split.TEST: _lines(version.testing_validation),
    }
    return training_failures.explain(reason, _body(version.manifest_summary), validations)


def _body(location: S3Location | None) -> bytes | None:
    """The file, where the service wrote one: it writes none when it cannot read a manifest."""
    if location is None:
        return None
    try:
        return objects.read_at(location.bucket, location.key)
    except NotFoundError:
        return None


def _lines(location: S3Location | None) -> Iterator[bytes]:
    """The lines of the file, where the service wrote one."""
    if location is None:
        return
    try:
        yield from objects.lines_at(location.bucket, location.key)
    except NotFoundError:
        return
