"""`labelloop accuracy`: how often versions were right where they were sure, by people's answers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from labelloop.aws import none_answers, sampled_answers
from labelloop.domain import accuracy as rules
from labelloop.domain.accuracy import Accuracy
from labelloop.domain.labels import SHOWN_AS_NONE
from labelloop.domain.model_versions import VersionRecord
from labelloop.domain.rejection import NoneAnswer
from labelloop_pages.figures import counted

from . import models, rejection
from .failures import CommandError
from .stack import Stack, on_stack, show

ALL_LABELS = "(all)"


@click.command()
@click.argument("version", required=False)
@on_stack
def accuracy(_: Stack, version: str | None, as_json: bool) -> None:
    """Tell how often a version, or each, was right where it was sure.

    Every n-th detection goes to a person, whatever its confidence. This counts the answers to those
    that were not doubtful, with the 95 % interval of the share for all that were not.

    Images that a version took for none of its labels have a line of their own: it counts the newest
    that people answered, accepted or not, where the version was sure enough.
    """
    known = [record for record in models.records() if version in {None, record.name}]
    if version and not known:
        raise CommandError(f"There is no version {version}. See: labelloop versions")
    nones = none_answers.read()
    rows = [row for record in known for row in _rows(record, nones)]
    text = "\n".join([_HEADING, *map(_line, rows)]) if rows else "No sampled answer has come yet."
    show(as_json, rows, text)


def _rows(record: VersionRecord, nones: Sequence[NoneAnswer]) -> Iterator[dict[str, Any]]:
    samples = sampled_answers.of_version(record.name)
    figures = {ALL_LABELS: rules.of(samples), **rules.by_label(samples)} if samples else {}
    accepted = record.figures.get("accepted")
    for label, of_label in figures.items():
        yield {
            "version": record.name,
            "label": None if label == ALL_LABELS else label,
            **_figures(of_label),
            "f1": record.f1,
            "test_images": record.test_images,
            "accepted_when_tested": accepted.as_json() if accepted else None,
            "drift_told": record.drift_told,
        }
    of_nones = rejection.of_version(nones, record.name)
    if of_nones:
        yield {"version": record.name, "label": SHOWN_AS_NONE, **of_nones.as_json()}


def _when_tested(row: Mapping[str, Any]) -> str:
    """How right it was when it was tested: where it was sure, as far as that is known."""
    accepted = row["accepted_when_tested"]
    if accepted:
        value, low, high = accepted["value"], accepted["low"], accepted["high"]
        images = counted(int(accepted["images"]), "test image")
        return f"{value:.1%} ({low:.1%} to {high:.1%}) of {images} that it was sure of"
    return f"F1 {row['f1']:.2f} of {counted(row['test_images'] or 0, 'test image')}"


def _figures(of_label: Accuracy) -> dict[str, Any]:
    low, high = of_label.interval
    return {
        "right": of_label.right,
        "answers": of_label.answers,
        "accuracy": round(of_label.share, 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }


_HEADING = f"{'version':<8} {'label':<24} {'right':>11} {'accuracy':>9}   95 % interval"


def _line(row: Mapping[str, Any]) -> str:
    of = f"{row['right']} of {row['answers']}"
    line = (
        f"{row['version']:<8} {row['label'] or ALL_LABELS:<24} {of:>11} {row['accuracy']:>9.1%}   "
        f"{row['low']:.1%} to {row['high']:.1%}"
    )
    if "becomes" in row:
        return f"{line}   {row['becomes']}"
    if row["label"] is None and row["f1"] is not None:
        line += f"   when tested: {_when_tested(row)}"
    return f"{line}, worse by now" if row["label"] is None and row["drift_told"] else line
