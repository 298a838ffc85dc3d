"""What names an image or a person, and what is left of a text or a value without that.

Called by ``labelloop.services.forgetting``. Another image is never touched: a key counts only where
it stands whole, except in sentences, where it is cut out.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

from labelloop.domain import human_loops
from labelloop.domain.splits import GIVEN_FOLDER, LEDGER_KEY
from labelloop.domain.training_failures import cut_left
from labelloop.domain.wording import one_line

TEXT_FOLDERS = ("manifests/", "evaluation/", human_loops.FOLDER, "analytics/", "aws/lambda/")
"""Whose objects are JSON, or lines of it. Under the last, Lambda keeps what could not be archived.
"""
FORGETTING_FOLDER = "forgetting/"
"""Of what is being forgotten, until it is."""
AN_IMAGE = "a forgotten image"
"""Stands in sentences where an image was named."""
_WORDS = {"reason", "reasons", "by_reason", "errors", "failure", "uncompared"}
"""Under which names there are sentences, which may name images."""
_COPIES = {"copied_key"}
"""Under which names a copy stands, without which the rest is still true."""
_NAMES_OF_IMAGES = ("images_", "s3://")
_MOST_DOCUMENT_BYTES = 16 * 1024 * 1024
_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_POSITION = re.compile(r"(?<=#)[0-9a-f]{32}(?![0-9a-f])")
_NO_ID = "0" * 32
_CONTENT = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}-\d+")


class Gone:
    """Stands where nothing is left."""


GONE: Final = Gone()


class Forgotten(Protocol):
    """An image, some, or a person: what is to be forgotten."""

    def without(self, value: Any) -> Any:
        """What is left of a value of JSON; ``GONE`` where it is about nothing else."""

    def without_in_text(self, text: str) -> str | Gone:
        """What is left of a line that is no JSON."""


def is_no_image(key: str) -> bool:
    """Whether what lies at a key is one of the system's own texts."""
    return key.startswith((*TEXT_FOLDERS, FORGETTING_FOLDER))


def may_name(key: str) -> bool:
    """Whether a text may name an image or a person: the ledger of splits has contents alone."""
    return key.startswith(TEXT_FOLDERS) and key != LEDGER_KEY and not key.startswith(GIVEN_FOLDER)


def ids_in(text: str) -> list[str]:
    """What may be ids of detections in a text."""
    return _ID.findall(text)


# --- Images ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Images:
    """Images by all of their names."""

    bucket: str
    keys: frozenset[str] = frozenset()
    """Of the bucket's own objects."""
    addresses: frozenset[str] = frozenset()
    """``s3://…`` of images that lie in other buckets, of which this one has copies at most."""
    detections: frozenset[str] = frozenset()
    contents: frozenset[str] = frozenset()
    """As the ledger of splits knows them."""

    @cached_property
    def _whole(self) -> frozenset[str]:
        own = {f"s3://{self.bucket}/{key}" for key in self.keys}
        # A label may be called as a file is, but as none in a folder for images.
        clear = {key for key in self.keys if key.startswith("images_") or {"/", "."} <= set(key)}
        return frozenset(clear | self.addresses | own)

    @cached_property
    def _mentioned(self) -> re.Pattern[str]:
        names = {one for one in (*self.keys, *self.addresses) if "/" in one or "." in one}
        names |= set(map(one_line, names))
        names |= set(map(cut_left, names))
        any_of = "|".join(map(re.escape, sorted(names, key=lambda name: (-len(name), name))))
        own = rf"(?:s3://{re.escape(self.bucket)}/)?"
        return re.compile(rf"(?<![\w/.-]){own}(?:{any_of or '(?!)'})(?![\w/-]|\.\w)")

    def is_named_by(self, text: str) -> bool:
        """Whether a whole text is a name of one: its key, its address, or what has its id in it."""
        return (
            text in self._whole
            or any(name in self.detections for name in ids_in(text))
            or any(name in self.contents for name in _CONTENT.findall(text))
        )

    def is_at(self, key: str) -> bool:
        """Whether what lies at a key is one, or about one alone."""
        return key in self.keys or any(name in self.detections for name in ids_in(key))

    def without(self, value: Any) -> Any:
        """What is left of a value of JSON.

        What names one as its own is gone whole: a line, an entry of a list, a pair.
        """
        return self._left(value, words=False)

    def _left(self, value: Any, *, words: bool) -> Any:
        if isinstance(value, str):
            if words:
                return self._reworded(value)
            return _left_of_text(value, self.without, self._left_of_name)
        if isinstance(value, list):
            left = [self._left(one, words=words) for one in value]
            return [one for one in map(self._pair, value, left) if one is not GONE]
        if isinstance(value, dict):
            return self._left_of_members(value, words=words)
        return value

    def _left_of_name(self, text: str) -> str | Gone:
        return GONE if self.is_named_by(text) else text

    @staticmethod
    def _pair(before: Any, left: Any) -> Any:
        """Nothing, of a list in a list that has lost a name."""
        return GONE if isinstance(before, list) and len(left) < len(before) else left

    def _left_of_members(self, value: Mapping[str, Any], *, words: bool) -> Any:
        told = {}
        for name, part in value.items():
            in_words = words or name in _WORDS
            if not in_words and self.is_named_by(name):
                continue
            left = self._left(part, words=in_words)
            if left is GONE and name in _COPIES:
                continue
            if left is GONE:
                return GONE
            told[self._reworded(name) if words else name] = left
        return told

    def _reworded(self, text: str) -> str:
        text = self._mentioned.sub(AN_IMAGE, text)
        text = _ID.sub(lambda one: AN_IMAGE if one[0] in self.detections else one[0], text)
        return _CONTENT.sub(lambda one: AN_IMAGE if one[0] in self.contents else one[0], text)

    def is_mentioned_in(self, text: str) -> bool:
        """Whether a sentence, or JSON with sentences in it, mentions one."""
        value = _parsed(text.encode(errors="surrogatepass"))
        texts = [text] if value is GONE else _texts(value)
        return any(
            self.is_named_by(one)
            or self._reworded(one) != one
            or (one != text and one[:1] in {"{", "["} and self.is_mentioned_in(one))
            for one in texts
        )

    def in_a_state(self, value: Any) -> Any:
        """The same of what the system notes about itself, where it may stand how far it has come:
        at the moment of one, whose id is not needed for that.
        """
        if isinstance(value, str):
            return _POSITION.sub(lambda one: _NO_ID if one[0] in self.detections else one[0], value)
        if isinstance(value, list):
            return self.without([self.in_a_state(one) for one in value])
        if isinstance(value, dict):
            return self.without({name: self.in_a_state(part) for name, part in value.items()})
        return value

    def without_in_text(self, text: str) -> str | Gone:
        """Nothing of a line that is no JSON and mentions one; else all of it."""
        return text if self._reworded(text) == text else GONE

    def as_json(self) -> dict[str, Any]:
        """The form that ``from_json`` reads."""
        names = ("keys", "addresses", "detections", "contents")
        return {"bucket": self.bucket, **{name: sorted(getattr(self, name)) for name in names}}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Images":
        """The images that ``as_json`` told."""
        names = ("keys", "addresses", "detections", "contents")
        return cls(told["bucket"], *(frozenset(told[name]) for name in names))


# --- A person -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """Somebody by all of their names, and what stands in their place."""

    bucket: str
    emails: frozenset[str] = frozenset()
    subs: frozenset[str] = frozenset()
    """What the user pool calls them; several where they have signed in in several ways."""

    @cached_property
    def pseudonym(self) -> str:
        """The same for the same person, always; empty where there is no id.

        It comes of the id, which is drawn at random: who has the address alone cannot tell it.
        """
        if not self.subs:
            return ""
        told = "\n".join((self.bucket, *sorted(self.subs)))
        return f"forgotten-{hashlib.sha256(told.encode()).hexdigest()[:24]}"

    @cached_property
    def _named(self) -> re.Pattern[str]:
        subs = "|".join(map(re.escape, sorted(self.subs))) or "(?!)"
        emails = "|".join(map(re.escape, sorted(self.emails))) or "(?!)"
        return re.compile(
            rf"(?<![0-9a-z-])(?:{subs})(?![0-9a-z-])"
            rf"|(?<![\w.+%-])(?:{emails})(?![\w-]|\.\w)",
            re.IGNORECASE,
        )

    def is_named_by(self, text: str) -> bool:
        """Whether a text has a name of theirs in it."""
        return self._named.search(text) is not None

    def without(self, value: Any) -> Any:
        """The value with the pseudonym where they were named."""
        if isinstance(value, str):
            return _left_of_text(value, self.without, self.without_in_text)
        if isinstance(value, list):
            return [self.without(one) for one in value]
        if isinstance(value, dict):
            told = {self.without_in_text(name): self.without(part) for name, part in value.items()}
            if "SS" in told:
                # DynamoDB takes no set that has something twice.
                told["SS"] = sorted(set(told["SS"]))
            # A2I's own name for the worker is another one in each answer's account.
            if "workerId" in told and told.get("workerMetadata") != value.get("workerMetadata"):
                told["workerId"] = self.pseudonym
            return told
        return value

    def without_in_text(self, text: str) -> str:
        """The text with the pseudonym where they were named; an image's name stays what it is."""
        if text.startswith(_NAMES_OF_IMAGES):
            return text
        return self._named.sub(self.pseudonym or "forgotten", text)

    def as_json(self) -> dict[str, Any]:
        """The form that ``from_json`` reads."""
        return {"bucket": self.bucket, "emails": sorted(self.emails), "subs": sorted(self.subs)}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Person":
        """The person that ``as_json`` told."""
        return cls(told["bucket"], frozenset(told["emails"]), frozenset(told["subs"]))


# --- Items of tables ---------------------------------------------------------------------------

VERSIONS, STATES, MESSAGES, SAMPLES = "version", "state", "message", "sample#"
"""The kinds of items of the table of model versions that may name something."""


def left_of_item(what: "Images | Person", raw: Mapping[str, Any]) -> Any:
    """What is left of an item of the table of model versions, in DynamoDB's form; ``GONE`` where it
    is about nothing else.
    """
    if isinstance(what, Person):
        return what.without(raw)
    kind = raw["kind"]["S"]
    if kind == MESSAGES or kind.startswith(SAMPLES):
        return GONE if what.is_mentioned_in(json.dumps(raw)) else raw
    if kind == STATES:
        return what.in_a_state(raw)
    return what.without(raw) if kind == VERSIONS else raw


# --- Texts ----------------------------------------------------------------------------------------


@dataclass
class Rewriting:
    """What is left of an object's lines, while they are taken."""

    forgotten: Forgotten
    changed: bool = False
    """Whether anything has been taken out so far."""
    empty: bool = True
    """Whether nothing has been left so far."""

    def of(self, lines: Iterator[bytes], size_bytes: int) -> Iterator[bytes]:
        """The lines that are left, with their ends.

        An object is JSON Lines where its first line is JSON, and else one document: it is held
        whole then, and taken line by line where it is too large for that, or none.
        """
        first = next(lines, b"")
        if _parsed(first) is not GONE or size_bytes > _MOST_DOCUMENT_BYTES:
            yield from self._noted(map(self._line, _again(first, lines)))
            return
        whole = b"".join(_again(first, lines))
        value = _parsed(whole)
        if value is GONE:
            yield from self._noted(map(self._line, whole.splitlines(keepends=True)))
        else:
            yield from self._noted([self._left(value, whole, indent=2)])

    def _noted(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        for line in lines:
            self.empty &= not line.strip()
            yield line

    def _line(self, line: bytes) -> bytes:
        value = _parsed(line)
        if value is not GONE:
            return self._left(value, line)
        text = line.decode(errors="surrogateescape")
        left = self.forgotten.without_in_text(text)
        self.changed |= left != text
        return b"" if isinstance(left, Gone) else left.encode(errors="surrogateescape")

    def _left(self, value: Any, written: bytes, indent: int | None = None) -> bytes:
        left = self.forgotten.without(value)
        if left is GONE:
            self.changed = True
            return b""
        if left == value:
            return written
        self.changed = True
        return _json(left, indent) + written[len(written.rstrip()) :]


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _parsed(text: bytes) -> Any:
    """The value; GONE where it is no object and no list of JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return GONE
    return value if isinstance(value, dict | list) else GONE


def _left_of_text(text: str, of_value: Callable[[Any], Any], of_text: Callable[[str], Any]) -> Any:
    """What is left of a text: of one that is JSON, what is left of its value."""
    # Most texts are names and sentences: these need not be parsed.
    is_json = text.lstrip()[:1] in {"{", "["}
    value = _parsed(text.encode(errors="surrogatepass")) if is_json else GONE
    if value is GONE:
        return of_text(text)
    left = of_value(value)
    if left == value:
        return text
    return left if left is GONE else json.dumps(left, ensure_ascii=False)


def _json(value: Any, indent: int | None) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent).encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent).encode()


def _texts(value: Any) -> Iterator[str]:
    parts: Sequence[Any] = ()
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        parts = [*value, *value.values()]
    elif isinstance(value, list):
        parts = value
    for part in parts:
        yield from _texts(part)
