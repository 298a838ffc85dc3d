"""What is to be done so that something is forgotten: found whole, and written down, before anything
is done.

So it can be gone on with after a break, though what was found by may be gone by then.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from labelloop.domain.forgetting import FORGETTING_FOLDER, Images, Person
from labelloop.domain.wording import listed


@dataclass
class Work:
    """What is to be gone, and where. Everything in it may have been done already."""

    name: str
    began: str
    by: str
    """Who has asked for it."""
    what: Images | Person
    usernames: list[str] = field(default_factory=list)
    """What the person is called in the user pool."""
    called_so: list[str] = field(default_factory=list)
    """The keys of images that have a name of the person in them, and stay."""
    images: list[str] = field(default_factory=list)
    """The keys of images of which everything goes: all versions and delete markers."""
    versions: list[tuple[str, str]] = field(default_factory=list)
    """Of keys that have other images, too: the versions with this content, with their ids."""
    files: list[str] = field(default_factory=list)
    """The keys of objects about one image alone, which go whole."""
    texts: list[str] = field(default_factory=list)
    """The keys of objects that name it, some version of them at least."""
    tasks: list[str] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    """Of the records, as the archive has them."""
    items: list[dict[str, Any]] = field(default_factory=list)
    """The keys of items of the table of model versions that name it, in DynamoDB's form."""
    datasets: list[str] = field(default_factory=list)
    """The ARNs of the project's datasets that have it."""
    trained: list[str] = field(default_factory=list)
    """Versions that were made with it."""
    delete: list[str] = field(default_factory=list)
    """Those of them that are to be deleted."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing names it."""
        lists = (self.usernames, self.images, self.versions, self.files, self.texts)
        return not any((*lists, self.tasks, self.records, self.items, self.datasets))

    @property
    def key(self) -> str:
        """Where it is written down."""
        return f"{FORGETTING_FOLDER}{self.name}.json"

    def counts(self) -> dict[str, int]:
        """How much of each kind it is."""
        return {
            "people": len(self.usernames),
            "images": len({*self.images, *(key for key, _ in self.versions)}),
            "files": len(self.files),
            "texts": len(self.texts),
            "tasks": len(self.tasks),
            "records": len(self.records),
            "items": len(self.items),
            "datasets": len(self.datasets),
        }

    def as_json(self) -> dict[str, Any]:
        """The form that ``from_json`` reads."""
        kind = "images" if isinstance(self.what, Images) else "person"
        told = {name: value for name, value in asdict(self).items() if name != "what"}
        return {**told, "what": {kind: self.what.as_json()}}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Work":
        """The work that ``as_json`` told."""
        kind, names = next(iter(told["what"].items()))
        what = Images.from_json(names) if kind == "images" else Person.from_json(names)
        versions = [(key, version_id) for key, version_id in told["versions"]]
        return cls(**{**told, "what": what, "versions": versions})


BACKUP_DAYS = 35
"""So long DynamoDB can bring back what the tables had."""


def what_stays(
    works: Sequence[Work], now: datetime, log_days: int, *, with_a2i: bool = False
) -> list[str]:
    """What is not erased by this, and until when, in sentences."""
    backups = now + timedelta(days=BACKUP_DAYS)
    told = [
        f"The tables' backups have it until {backups:%Y-%m-%d}; backups of your own, as long as "
        "you keep them.",
        "Logs of functions and workflows may name it "
        + (f"until {now + timedelta(days=log_days):%Y-%m-%d}" if log_days else "as long as kept")
        + ", the history of executions for 90 days.",
        "The stream of the log's table has what its records were for a day.",
        "What Athena answered to questions before is in analytics/answers/ for nine days at most, "
        "and its history has the questions for 45.",
        "E-mails and events that were sent are with those who got them.",
    ]
    if with_a2i:
        told.append(
            "SageMaker keeps human loops and labelling jobs, with keys and workers: loops can be "
            "deleted there, jobs cannot."
        )
    for work in works:
        if isinstance(work.what, Images):
            told += _stays_of_images(work, work.what)
        else:
            told += _stays_of_person(work, work.what)
    return list(dict.fromkeys(told))


def _stays_of_images(work: Work, images: Images) -> Iterator[str]:
    learnt = [name for name in work.trained if name not in work.delete]
    if learnt:
        yield (
            f"Versions that learnt from it, or were tested with it, stay: {', '.join(learnt)}. "
            "What Rekognition keeps in a version goes when that is deleted."
        )
    yield (
        "The ledger of splits keeps a hash of its content, so that it does not come to test what "
        "has learnt from it: who has the picture can tell that it was here, and nobody else."
    )
    if images.detections:
        yield (
            "The ids of its detections are noted for three months, so that nothing of them is "
            "archived; they tell nothing without the image's key and version."
        )
    if images.addresses:
        elsewhere = ", ".join(sorted(images.addresses))
        yield f"What lies in other buckets is yours to delete: {elsewhere}"
    yield (
        "A detection or an answer that was under way may have written of it since: the same "
        "command again, some minutes later, finds that."
    )


def _stays_of_person(work: Work, person: Person) -> Iterator[str]:
    if work.called_so:
        yield (
            f"Images are called after them: {listed(work.called_so)}. Copy them to other names, "
            "then forget them under these: labelloop forget --only-this-key"
        )
    yield (
        f"What they answered stays, by {person.pseudonym or 'nobody'}. Answers are read again "
        "for that, which changes nothing that they say."
    )
    yield (
        "Who is signed in may act for a quarter of an hour more: the same command after that "
        "finds what they did. Where the user pool has them no more, give their id."
    )
