"""What a detection calls and costs, apart from the model's hours: every line of the bill.

Calls are counted on the embedded runtime, whose model takes as many images a second as a small real
one and whose clock is the real one, so that what is cached is asked as rarely as on AWS. Items are
measured by DynamoDB's documented rule, and the functions' processor time in their own processes.
Prices, and what is AWS's and cannot be measured here, are in `prices.json`.

Some images are doubtful because the minimum is raised for them; people answer all of those through
the review API. Linux only: the processor time is read from ``/proc``.
"""

import base64
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from benchmarks.first_model import pictures, serve_at_once
from labelloop_pages.machine_parts import LABELS
from local.launch import ROOT, LocalStack, launch, wait_for
from tests.stack import Reviewer, Stack

IMAGES = {0.0: 300, 0.1: 600, 1.0: 40}
"""How many images by the share of them that is reviewed."""
WARM_UP = 150
"""After so many the dispatcher has found the model's pace, as it has for most of a million."""
PER_UNIT_S = 5.0
REKOGNITION_SPEED = "1000"
"""The training, and nothing else, is faster than its real half hour."""
TAKES_AT_MOST_S = 600.0
MINIMUM = "Minimum-Label-Detection-Confidence"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

Json = dict[str, Any]
_FILE = json.loads((Path(__file__).parent / "prices.json").read_text(encoding="utf-8"))
USD: dict[str, float] = {
    name: entry["price"] / entry["per"] for name, entry in _FILE["usd"].items()
}
ASSUMED: dict[str, float] = {
    name: entry["value"] for name, entry in _FILE["assumptions"].items() if name != "note"
}
APART = ("e-mails", "logs", "uploads", "events of images")
"""Lines that the total leaves out: who wants no e-mails and no events of images has none, and the
images come anyhow."""
PATH = {
    "DetectLabels",
    "DispatchEvents",
    "RequestReview",
    "ServeReviewApi",
    "ReadAnswers",
    "AddToTraining",
}
"""The functions that a detection and its review go through."""
WORKFLOWS = {"DetectionStateMachineRole", "HumanReviewStateMachineRole"}
EXPRESS_MB = 64
SQS_BATCH = 10
QUERY_PAGE_ITEMS = 10


@dataclass(frozen=True)
class Process:
    """A process in which a function runs."""

    function: str
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Used:
    """What the stack has used so far."""

    calls: Sequence[Json]
    invocations: Counter[str]
    executions: Counter[str]
    standard_transitions: int
    processes: Mapping[int, Process]

    @classmethod
    def by(cls, stack: LocalStack) -> "Used":
        """Read it from the runtime and from the functions' processes."""
        summary = stack.control("GET", "summary")
        ended = {name: sum(ends.values()) for name, ends in summary["executions"].items()}
        return cls(
            stack.control("GET", "calls"),
            Counter(summary["lambda"]),
            Counter(ended),
            summary["transitions"]["standard"],
            _processes(stack),
        )

    def since(self, before: "Used") -> "Used":
        """What was used after ``before``."""
        return Used(
            [call for call in self.calls[len(before.calls) :] if _is_of_the_path(call)],
            Counter({name: self.invocations[name] - before.invocations[name] for name in PATH}),
            self.executions - before.executions,
            self.standard_transitions - before.standard_transitions,
            {
                pid: Process(
                    one.function,
                    one.cpu_s - (before.processes[pid].cpu_s if pid in before.processes else 0.0),
                    one.peak_mb,
                )
                for pid, one in self.processes.items()
            },
        )

    def count(self, operation: str, caller: str = "", table: str = "") -> int:
        """How many calls of ``dynamodb.PutItem`` there were, of a caller, on a table."""
        return sum(
            f"{call['service']}.{call['operation']}" == operation
            and caller in {"", call["function"]}
            and table in (call["resource"] or "")
            for call in self.calls
        )

    def cpu_ms(self, function: str) -> float:
        """Processor time of an invocation, on a whole processor."""
        of_it = sum(one.cpu_s for one in self.processes.values() if one.function == function)
        return of_it * 1000 / max(1, self.invocations[function])

    def peak_mb(self, function: str) -> float:
        """The most memory that a process of the function had."""
        peaks = [one.peak_mb for one in self.processes.values() if one.function == function]
        return max(peaks, default=0.0)


@dataclass(frozen=True)
class Round:
    """Images that were detected, some of them reviewed, and what that used."""

    images: int
    reviewed: int
    used: Used
    record_bytes: int
    units: Mapping[str, float]
    """Write units of an item in a table or index, on average."""


def run() -> list[dict[str, object]]:
    """A row for each share of reviewed images."""
    settings = {"LABELLOOP_REKOGNITION_SPEED": REKOGNITION_SPEED}
    rows: list[dict[str, object]] = []
    with launch(tps=PER_UNIT_S, environment=settings) as stack:
        serve_at_once(stack)
        for name in ("Enable-Automatic-Training", "Enable-Automatic-Human-Sampling"):
            _set(stack, name, "false")
        people = Stack(stack, time_scale=1.0)
        # What people may answer, as in a deployment whose template names no labels.
        for label in LABELS:
            people.upload(f"images_labeled_by_folder/{label}/1.jpg", b"")
        reviewer = people.add_reviewer()
        memory = {
            name: facts["memory_mb"] for name, facts in stack.control("GET", "functions").items()
        }
        _round(people, reviewer, "warm-up", WARM_UP, 0.5)
        for share, images in IMAGES.items():
            done = _round(people, reviewer, f"share-{share:g}", images, share)
            lines = _lines(done, memory)
            total = sum(usd for line, usd in lines.items() if line not in APART)
            rows.append(
                {
                    "reviewed_share": share,
                    "calls": _calls(done),
                    "usd_per_million": round(total, 2),
                    "lines": {line: round(usd, 2) for line, usd in lines.items()},
                    "images": images,
                    "standard_transitions": done.used.standard_transitions,
                    "record_bytes": done.record_bytes,
                    "functions": {
                        name: {
                            "memory_mb": memory[name],
                            "peak_mb": round(done.used.peak_mb(name)),
                            "cpu_ms": round(done.used.cpu_ms(name), 1),
                        }
                        for name in sorted(PATH)
                        if done.used.invocations[name]
                    },
                }
            )
            print(json.dumps(rows[-1], indent=2), flush=True)
    return rows


# --- What is done ---------------------------------------------------------------------------------


def _round(people: Stack, reviewer: Reviewer, name: str, images: int, share: float) -> Round:
    """Upload images, let people answer the doubtful ones, and wait until all is done."""
    stack = people.local
    reviewed = round(images * share)
    if reviewed < images:
        _set_minimum(people, "0.00")
    before = Used.by(stack)
    contents = pictures(images, seed=images)
    _detect(people, f"{name}/sure", contents[reviewed:])
    if reviewed:
        _set_minimum(people, "100.00")
        _detect(people, f"{name}/doubtful", contents[:reviewed])
        for _ in range(reviewed):
            task = wait_for(lambda: reviewer.take() or {}, "a task")
            path, answer = f"/review/tasks/{task['task_id']}/answer", {"label": LABELS[0]}
            status, said = reviewer.ask("POST", path, answer)
            assert status == 200, said
        already = before.executions["human_review"]
        wait_for(
            lambda: Used.by(stack).executions["human_review"] - already >= reviewed,
            "the answers",
            TAKES_AT_MOST_S,
            every_s=1.0,
        )
    people.wait_until_idle()
    used = Used.by(stack).since(before)
    records = people.raw_items("DetectionsTable")
    return Round(images, reviewed, used, *_measure(people, name, records))


def _detect(people: Stack, name: str, contents: Sequence[bytes]) -> None:
    for number, content in enumerate(contents):
        people.upload(f"images_for_detection/{name}/{number}.jpg", content)
    wait_for(
        lambda: len(people.records(f"images_for_detection/{name}/")) == len(contents),
        f"the records of {name}",
        TAKES_AT_MOST_S,
        every_s=1.0,
    )


def _set(stack: LocalStack, name: str, value: str) -> None:
    name = stack.outputs["ParameterPrefix"] + name
    stack.client("ssm").put_parameter(Name=name, Value=value, Overwrite=True)


def _set_minimum(people: Stack, value: str) -> None:
    """Change the minimum, and wait for as long as a function may know the old one."""
    if people.parameter(MINIMUM) != value:
        people.set_parameters({MINIMUM: value})


# --- What is measured -----------------------------------------------------------------------------


def _is_of_the_path(call: Json) -> bool:
    role = (call["role"] or "").split("/")[-1]
    return call["function"] in PATH or any(workflow in role for workflow in WORKFLOWS)


def _processes(stack: LocalStack) -> dict[int, Process]:
    """The functions' processes by their ids."""
    found = {}
    for stem, function in stack.control("GET", "functions").items():
        for pid in function["processes"]:
            folder = Path(f"/proc/{pid}")
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            peak = (folder / "status").read_text().partition("VmHWM:")[2].split()
            ticks = int(after_name[11]) + int(after_name[12])
            found[pid] = Process(stem, ticks / TICKS_PER_S, int(peak[0]) / 1024)
    return found


def _measure(people: Stack, name: str, records: Iterable[Json]) -> tuple[int, dict[str, float]]:
    """Bytes of the average record of a round, and write units by table or index."""
    of_it = [item for item in records if f"/{name}/" in item["key"]["S"]]
    doubtful = [item for item in of_it if "outcome_shard" in item]
    tasks = people.raw_items("ReviewTasksTable") if doubtful else []
    by_time = _projection(people, "DetectionsTable", "by_time")
    by_outcome = _projection(people, "DetectionsTable", "by_outcome")
    units = {
        "record": _mean(_units(item) for item in of_it),
        "by_time": _mean(_units(_only(item, by_time)) for item in of_it),
        "by_outcome": _mean(_units(_only(item, by_outcome)) for item in doubtful),
        "task": _mean(_units(item) for item in tasks),
    }
    return round(_mean(item_bytes(item) for item in of_it)), units


def _projection(people: Stack, table: str, index: str) -> set[str]:
    """The attributes that an index holds."""
    described = people.client("dynamodb").describe_table(TableName=people.outputs[table])["Table"]
    (found,) = (one for one in described["GlobalSecondaryIndexes"] if one["IndexName"] == index)
    keys = {part["AttributeName"] for part in [*described["KeySchema"], *found["KeySchema"]]}
    return keys | set(found["Projection"]["NonKeyAttributes"])


def _only(item: Json, names: set[str]) -> Json:
    return {name: value for name, value in item.items() if name in names}


def _units(item: Json) -> int:
    return math.ceil(item_bytes(item) / 1024)


def item_bytes(item: Json) -> int:
    """The size of an item, as "DynamoDB item sizes and formats" in its guide has it."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(typed: Json) -> int:
    ((kind, value),) = typed.items()
    if kind == "S":
        return len(str(value).encode())
    if kind == "N":
        digits = str(value).lstrip("-").replace(".", "").strip("0")
        return math.ceil(len(digits) / 2) + (2 if str(value).startswith("-") else 1)
    if kind == "B":
        return len(base64.b64decode(value)) if isinstance(value, str) else len(value)
    if kind == "L":
        return 3 + sum(1 + _value_bytes(part) for part in value)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _value_bytes(part) for name, part in value.items())
    return 1  # BOOL and NULL


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


def _calls(done: Round) -> dict[str, float]:
    """Calls of a detection by operation, on average; what Step Functions invokes is the workflow's.

    Those of SQS are the queue's: from EventBridge, and to Lambda and back in batches.
    """
    counts = Counter(f"{call['service']}.{call['operation']}" for call in done.used.calls)
    del counts["lambda.Invoke"]
    counts["sqs (batches)"] = _queue_requests(done)
    return {name: round(count / done.images, 3) for name, count in sorted(counts.items())}


# --- What it costs --------------------------------------------------------------------------------


def _lines(done: Round, memory: Mapping[str, int]) -> dict[str, float]:
    """The bill of a million detections by line, in US dollars."""
    used = done.used
    written = sum(used.count(f"s3.{name}") for name in ("PutObject", "CopyObject"))
    listed = used.count("s3.ListObjectsV2")
    read = sum(used.count(f"s3.{name}") for name in ("GetObject", "HeadObject"))
    told = used.count("sns.Publish")
    writes, index_writes, review_writes = _write_units(done)
    bill = {
        "events": (done.images + written) * USD["event"],
        "events for programs": used.count("events.PutEvents") * USD["own_event"],
        "events of images": done.images * USD["own_event"]
        + _workflow(done, memory, ASSUMED["other_call_ms"])
        - _workflow(done, memory),
        "queue": _queue_requests(done) * USD["sqs_request"],
        "workflow": _workflow(done, memory),
        "functions": _functions(done, memory),
        "table": writes * USD["dynamodb_write_unit"]
        + used.count("dynamodb.GetItem") * USD["dynamodb_read_unit"],
        "indexes": index_writes * USD["dynamodb_write_unit"],
        "review tasks": review_writes * USD["dynamodb_write_unit"]
        + used.count("dynamodb.Query") * _query_units(done) * USD["dynamodb_read_unit"],
        "review API": used.invocations["ServeReviewApi"] * USD["http_api_request"],
        # Rekognition reads each image, and the reviewer's browser those that are shown.
        "images": (done.images + done.reviewed + read) * USD["s3_read"]
        + (written + listed) * USD["s3_write"],
        "notifications": told * USD["sns_request"],
        "e-mails": told * USD["sns_email"],
        "logs": (
            sum(used.invocations.values()) * ASSUMED["bytes_logged_an_invocation"]
            + used.invocations["ServeReviewApi"] * ASSUMED["bytes_logged_a_review_request"]
        )
        / 1e9
        * USD["log_gb"],
        "uploads": done.images * USD["s3_write"],
    }
    return {line: usd / done.images * 1e6 for line, usd in bill.items()}


def _queue_requests(done: Round) -> int:
    """Each message is sent once, and received and deleted with up to nine others."""
    batches = done.used.invocations["DispatchEvents"]
    messages = done.images + done.reviewed
    in_batches = max(batches, math.ceil(messages / SQS_BATCH))
    again = sum(
        done.used.count(f"sqs.{name}")
        for name in ("ChangeMessageVisibilityBatch", "SendMessageBatch", "SendMessage")
    )
    return messages + 2 * in_batches + again


def _workflow(done: Round, memory: Mapping[str, int], longer_ms: float = 0) -> float:
    """Express executions, where detections take so much longer; transitions of a Standard one would
    be billed by the piece.
    """
    confident_ms, doubtful_ms, review_ms = _durations_ms(done, memory)
    detections = done.used.executions["detection"]
    durations = (
        (detections - done.reviewed, confident_ms + longer_ms),
        (done.reviewed, doubtful_ms + longer_ms),
        (done.used.executions["human_review"], review_ms),
    )
    gb_s = sum(
        count * math.ceil(duration_ms / 100) / 10 * EXPRESS_MB / 1024
        for count, duration_ms in durations
    )
    return (
        (detections + done.used.executions["human_review"]) * USD["express_request"]
        + gb_s * USD["express_gb_second"]
        + done.used.standard_transitions * USD["standard_transition"]
    )


def _durations_ms(done: Round, memory: Mapping[str, int]) -> tuple[float, float, float]:
    """How long an execution takes: a confident detection, a doubtful one, a review."""
    step = ASSUMED["invoke_ms"]
    confident = _billed_ms(done, "DetectLabels", memory) + step
    doubtful = confident + _billed_ms(done, "RequestReview", memory) + step
    review = sum(_billed_ms(done, name, memory) + step for name in ("ReadAnswers", "AddToTraining"))
    return confident, doubtful + ASSUMED["other_call_ms"], review + ASSUMED["dynamodb_ms"]


def _billed_ms(done: Round, function: str, memory: Mapping[str, int]) -> float:
    """Processor time at the function's share of a processor, and what its calls take."""
    invocations = done.used.invocations[function]
    if not invocations:
        return 0.0
    share = min(1.0, memory[function] / ASSUMED["mb_of_a_whole_cpu"])
    waits_ms = sum(_takes_ms(call) for call in done.used.calls if call["function"] == function)
    return done.used.cpu_ms(function) / share + waits_ms / invocations


def _takes_ms(call: Json) -> float:
    # What is refused is answered at once.
    if call["operation"] == "DetectCustomLabels" and not call["error"]:
        return ASSUMED["detect_custom_labels_ms"]
    if call["service"] in {"dynamodb", "s3"}:
        return ASSUMED[f"{call['service']}_ms"]
    return ASSUMED["other_call_ms"]


def _functions(done: Round, memory: Mapping[str, int]) -> float:
    """Invocations, and the memory held while they last."""
    gb_s = {
        name: done.used.invocations[name]
        * _billed_ms(done, name, memory)
        / 1000
        * memory[name]
        / 1024
        for name in PATH - {"DispatchEvents"}
    }
    # All its containers wait for the one model; answers are counted as if each had its own batch.
    held_s = done.images * _detecting_containers() / ASSUMED["images_per_s_a_unit"]
    held_s += done.used.executions["human_review"] * _durations_ms(done, memory)[2] / 1000
    gb_s["DispatchEvents"] = held_s * memory["DispatchEvents"] / 1024
    return (
        sum(done.used.invocations.values()) * USD["lambda_request"]
        + sum(gb_s.values()) * USD["lambda_gb_second"]
    )


def _detecting_containers() -> int:
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    mapping = template["Resources"]["DetectionQueueMapping"]["Properties"]
    return int(mapping["ScalingConfig"]["MaximumConcurrency"])


def _write_units(done: Round) -> tuple[float, float, float]:
    """Of the log's table, of its indexes, and of the review tasks with theirs.

    What is in an index is written with it: twice where its key there changes, once where it goes,
    as that of a task does in the end.
    """
    used, units = done.used, done.units
    put = used.count("dynamodb.PutItem", "DetectLabels")
    updated = used.count("dynamodb.UpdateItem")
    assert not used.count("dynamodb.TransactWriteItems"), "these are not in the bill"
    requested = used.count("dynamodb.PutItem", "RequestReview")
    changed = used.count("dynamodb.PutItem", "ServeReviewApi")
    return (
        (put + updated) * units["record"],
        # What is noted of an answer is in neither index.
        put * units["by_time"] + done.reviewed * units["by_outcome"],
        (requested * 2 + changed * 3 - done.reviewed) * units["task"],
    )


def _query_units(done: Round) -> float:
    """Of a look for open tasks: a page, eventually consistent, is half as many as it has 4 KB."""
    return math.ceil(QUERY_PAGE_ITEMS * done.units["task"] / 4) / 2
