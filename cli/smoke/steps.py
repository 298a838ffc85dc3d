"""What `labelloop smoke` tries, in its order: only what could not be known without an account.

Each step is a function that gives back what it found, in sentences, and raises CommandError, or
what the SDK raises, where it fails. Each may have been broken off before, and goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass

from . import sign_in_step
from .observing_steps import alarms, metrics
from .run import Run
from .serving_steps import dispatch, missing, serve, stop_model, two_versions
from .training_steps import datasets, results, train


@dataclass(frozen=True)
class Step:
    """Something to try, and what is to be thought where it fails."""

    name: str
    title: str
    means: str
    look: Callable[[Run], list[str]]
    needs: tuple[str, ...] = ()
    """The steps without whose success it cannot be tried."""
    needs_model: bool = False
    """Whether the model has to run meanwhile."""


STEPS = (
    Step(
        "training",
        "A version is trained, by the stack's own workflow and roles",
        "Where a permission is named, AWS asks for more than its documentation says, or the "
        "bucket is not as deployed: nothing can be trained until the role has it. Where the "
        "service failed the training itself, its message says what it did not take.",
        train,
    ),
    Step(
        "results",
        "The results, written long after the role's session ended, are there and readable",
        "The service writes results with the rights of whoever began the training. Where files are "
        "missing, those rights ended too soon; where they cannot be read, the roles of "
        "EvaluateModel and DescribeVersion lack a permission. No version could be judged.",
        results,
        needs=("training",),
    ),
    Step(
        "deployment",
        "The model is started, proven and put into service",
        "No model can serve. A refusal to start names the account's limit of running models; a "
        "model that runs and is not proven points at the permissions of VerifyModel.",
        serve,
        needs=("training",),
    ),
    Step(
        "versioned detection",
        "Two versions of one object are detected, each as what it is",
        "Detection by object version asks for another permission than documented, or images are "
        "refused for good that should be detected: nothing comes out of images_for_detection/.",
        two_versions,
        needs=("deployment",),
        needs_model=True,
    ),
    Step(
        "missing versions",
        "What is not there is answered as expected",
        "The answers decide what is tried again, what waits and what is refused for good: with "
        "others, images would be retried for nothing, or given up too soon.",
        missing,
        needs=("deployment",),
        needs_model=True,
    ),
    Step(
        "dispatcher",
        "A burst that the model does not bear at once is detected to the last image",
        "Images get lost, or stay, on the way through the queue: look at the dead-letter queues, "
        "the log of DispatchEvents, and Lambda's guard against recursion.",
        dispatch,
        needs=("deployment",),
        needs_model=True,
    ),
    Step(
        "stop",
        "The model is stopped, and no longer billed",
        "THE MODEL MAY STILL RUN AND IS BILLED: labelloop stop, or the Rekognition console.",
        stop_model,
    ),
    Step(
        "datasets",
        "A dataset is deleted and made again, as every later training does",
        "The first training works and no later one does.",
        datasets,
        needs=("training",),
    ),
    Step(
        "metrics",
        "CloudWatch has the metrics that the functions write to their logs",
        "Alarms and dashboard see nothing: CloudWatch takes no metrics from these logs.",
        metrics,
        needs=("versioned detection",),
    ),
    Step(
        "alarms",
        "No alarm is raised, and one that is raised by hand tells the operator",
        "Nobody would hear of failures, or the operator hears of failures that are none.",
        alarms,
    ),
    Step(
        "sign-in",
        "A reviewer signs in at the page, and the code is exchanged for a token that the API takes",
        "Nobody could review. A page that is not there points at the domain or its style; a code "
        "that is not exchanged at the client's addresses; a refused token at the authorizer.",
        sign_in_step.look,
    ),
)
