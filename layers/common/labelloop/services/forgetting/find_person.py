"""All that names a person."""

from collections.abc import Callable
from dataclasses import replace

from labelloop.aws import object_versions, objects, review_tasks, user_pools, whole_tables
from labelloop.domain.forgetting import Person, is_no_image
from labelloop.domain.forgetting_work import Work
from labelloop.errors import InvalidRequestError
from labelloop.services.forgetting import find_images, texts
from labelloop.settings import Variable


def find(work: Work, who: str, *, say: Callable[[str], None] = lambda _: None) -> Work:
    """The work of forgetting a person: an e-mail address, or the id that the user pool has given.

    Of somebody whom the pool has no more, the id is needed, unless figures still have the address.
    """
    if not who.strip():
        raise InvalidRequestError("Say whom: an e-mail address, or an id of the user pool.")
    users = user_pools.called(who)
    named = {
        person.sub
        for person in review_tasks.everybodys_figures()
        if who.casefold() in {person.name.casefold(), person.sub}
    }
    is_address = "@" in who
    person = Person(
        objects.bucket(),
        frozenset({who} if is_address else ()).union(*(user.emails for user in users)),
        frozenset({user.sub for user in users} | named | (set() if is_address else {who})),
    )
    _, in_texts = texts.naming(person, say)
    say("looking through the tables")
    return replace(
        work,
        what=person,
        by=person.without_in_text(work.by),
        called_so=_called_so(person),
        usernames=[user.username for user in users],
        texts=in_texts,
        tasks=_naming(person, Variable.REVIEW_TASKS_TABLE, "task_id"),
        records=_naming(person, Variable.DETECTIONS_TABLE, "detection_id"),
        items=list(find_images.items_naming(person)),
    )


def _called_so(person: Person) -> list[str]:
    keys = dict.fromkeys(version.key for version in object_versions.under(""))
    return [key for key in keys if not is_no_image(key) and person.is_named_by(key)]


def _naming(person: Person, table: Variable, key: str) -> list[str]:
    items = whole_tables.items(table)
    return [item[key]["S"] for item in items if person.without(item) != item]
