"""ListImagesToInspect: find the labelled images whose content nobody has looked at yet.

Invoked by  statemachine/model_training.asl.yaml, state ``ListImagesToInspect``, under the training
            lock
Raises      UntrainableError   caught: too many lines of imported manifests are bad
            ThrottledError, ServiceFailedError   retried by the state machine
Idempotent  yes; the batches of a run have the same names each time
"""

from labelloop.aws import last_look, objects
from labelloop.domain import fitness
from labelloop.domain.imports import BadLine, Collection
from labelloop.domain.inspections import ToInspect
from labelloop.domain.wording import one_line
from labelloop.entrypoint import Strict, task
from labelloop.errors import UntrainableError
from labelloop.services import training_data

NAMED_LINES = 10
"""How many bad lines an error names."""


class Input(Strict):
    """The execution's name, and the digest of what it looked at."""

    run: str
    digest: str


class Output(Strict):
    """Where the batches are."""

    batches: list[str]
    images: int


@task
def lambda_handler(request: Input) -> Output:
    """Compare what lies in the folders with what is remembered, and write the rest down."""
    lines, collection = training_data.imported_lines(training_data.imported_manifests())
    if collection.too_many_bad:
        last_look.settle(request.digest)
        raise UntrainableError(_too_many_bad(collection))
    listed = training_data.images()
    known = {
        one.key for one in training_data.inspected(listed).values() if one.rules == fitness.RULES
    }
    to_inspect = [ToInspect(entry.key, entry.etag) for entry in listed if entry.key not in known]
    there = {entry.key for entry in listed}
    own = objects.bucket()
    may_be_copied = {own, *training_data.import_buckets()}
    for key, line in lines.items():
        if key in there:
            continue
        if (line.bucket, line.key) == (own, key):
            # What lies in our folders is never copied there: it was deleted.
            continue
        if line.bucket in may_be_copied:
            to_inspect.append(ToInspect(key, "", line.bucket, line.key))
    batches = training_data.write_batches(request.run, to_inspect)
    return Output(batches=batches, images=len(to_inspect))


def _too_many_bad(collection: Collection) -> str:
    named = "".join(f"\n- {_in_words(line)}" for line in collection.bad.first[:NAMED_LINES])
    share = collection.bad.count / collection.line_count
    return (
        f"{collection.bad.count} of the {collection.line_count} lines under manifests/imported/ "
        f"are bad ({100 * share:.0f} %), and Rekognition refuses more than 20 %. The first "
        f"ones:{named}"
    )


def _in_words(line: BadLine) -> str:
    return one_line(f"{line.file}, line {line.line}: {line.reason}")
