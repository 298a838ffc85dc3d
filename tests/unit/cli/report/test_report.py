"""Reports as people read them: in a terminal and on a page."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydantic import TypeAdapter

from cli.report import as_page
from labelloop.domain import comparing, version_figures
from labelloop.domain.annotations import Annotation, ModelType
from labelloop.domain.answers import Answer, Finding
from labelloop.domain.comparison import Case, Party
from labelloop.domain.evaluation_report import Report
from labelloop.domain.model_versions import VersionRecord
from labelloop.domain.origins import GIVEN, Origin, Provenance, Stratum
from labelloop_pages import charts
from labelloop_pages.charts import Point
from tests.unit import calibrated
from tests.unit.cli.world import World, aws_in_memory, error_of

BUCKET = "the-bucket"
NUT = "images_labeled_by_folder/nut/a <b>.jpg"


def a_report(**facts: Any) -> dict[str, Any]:
    """A report as EvaluateModel writes it."""
    labels = {"nut": 0.6, "bolt": 0.9, "gear": 0.75}
    return {
        "version": "v2",
        "promote": False,
        "reasons": ["Its F1 score of 0.75 does not reach the minimum of 0.80."],
        "metric": "f1",
        "minimum": 0.8,
        "minimum_improvement": 0.0,
        "f1": 0.75,
        "precision": 0.8,
        "recall": 0.7,
        "train_images": 40,
        "test_images": 10,
        "labels": [
            {
                "label": label,
                "test_images": 4,
                "f1": f1,
                "precision": 1 - f1,
                "recall": f1,
                "assumed_threshold": 0.5,
            }
            for label, f1 in labels.items()
        ],
        "confusion": [
            {"truth": "bolt", "predicted": "bolt", "images": 4},
            {"truth": "nut", "predicted": "bolt", "images": 1},
            {"truth": "nut", "predicted": None, "images": 2},
        ],
        "champion": "v1",
        "comparison": {
            "shared_images": 30,
            "candidate_score": 0.7,
            "champion_score": 0.8,
            "candidate_better": 1,
            "champion_better": 4,
            "p_worse": 0.1875,
        },
        "suspected_label_errors": [
            {"key": NUT, "labels": ["nut"], "predicted": ["bolt"], "confidence_pct": 98.5}
        ],
        "data": {
            "images": 50,
            "train_images": 40,
            "test_images": 10,
            "labels": {"nut": {"train": 20, "test": 4}},
            "changes": {"added": 5, "replaced": 1, "removed": 0, "moved": 2},
            "left_out": {
                "images": 3,
                "by_reason": {"It is empty.": 3},
                "examples": [
                    {"key": "images_labeled_by_folder/nut/e.jpg", "reason": "It is empty."}
                ],
            },
            "labels_left_out": [{"label": "cog", "images": 2, "reason": "Too few."}],
            "bad_lines": {
                "count": 1,
                "of": 9,
                "examples": [
                    {"file": "manifests/imported/m.json", "line": 7, "reason": "No JSON."}
                ],
            },
        },
        "entries": {
            "train": {"sent": 40, "stored": 39, "errors": ["Line 3 was refused."]},
            "test": {"sent": 10, "stored": 10, "errors": []},
        },
        **facts,
    }


def judged_figures() -> dict[str, Any]:
    """What EvaluateModel adds for two versions on twelve test images; four of them were doubted."""
    doubted = Provenance(Origin.DOUBTFUL, "d", "v1", False, 1.0)
    names = ("nut", "bolt", "gear")
    cases = [
        Case(f"c{n}", Annotation.of_labels([names[n % 3]]), doubted if n < 4 else GIVEN)
        for n in range(12)
    ]
    said = [
        {
            case.content: Answer(
                case.content, (Finding(names[(n + (n % every == 0)) % 3], 0.9),), True
            )
            for n, case in enumerate(cases)
        }
        for every in (4, 3)
    ]
    shares = {Stratum("v1", accepted=False): 4, Stratum("v1", accepted=True): 6}
    thresholds = dict.fromkeys(names, 0.5)
    own = version_figures.figures(
        cases,
        said[0],
        thresholds,
        model_type=ModelType.CLASSIFICATION,
        metric="f1",
        shares=shares,
        is_accepted=lambda _: True,
    )
    both = comparing.compare(
        cases,
        Party(said[0], thresholds),
        Party(said[1], thresholds),
        model_type=ModelType.CLASSIFICATION,
        shares=shares,
        champion_version="v1",
        known_before=["c1"],
    )
    short = {name: one.as_json() for name, one in own.in_short().items()}
    return {"figures": own.as_json(), "comparison": both.as_json(), "in_short": short}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """v1 serves, v2 was rejected and left a report, v3 is being trained."""
    with aws_in_memory(monkeypatch):
        world = World({"BucketName": BUCKET})
        world.deploy("v1", "RUNNING")
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        figures = {"f1": 0.75, "precision": 0.8, "recall": 0.7, "train_images": 40}
        figures["test_images"] = 10
        for number, promote in ((1, True), (2, False)):
            record = {"name": f"v{number}", "number": number, "promote": promote, **figures}
            world.put("versions", kind="version", **record)
        world.put("versions", kind="version", name="v3", number=3)
        write(a_report())
        yield world


def write(report: dict[str, Any] | str) -> None:
    body = report if isinstance(report, str) else json.dumps(report)
    key = "evaluation/v2/report.json"
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body.encode())


class TestText:
    def test_the_newest_version_with_a_report_is_shown(self, world: World) -> None:
        text = world.run("report").stdout

        assert text.startswith("v2: not good enough\n- Its F1 score of 0.75")

    def test_everything_in_the_report_is_said(self, world: World) -> None:
        text = world.run("report", "v2").stdout

        for said in (
            "F1 0.750   precision 0.800   recall 0.700   (judged by F1, at least 0.80 is wanted)",
            "30 test images that it shares with v1: 0.700 against 0.800",
            "better on 1 of them and worse on 4",
            f"{NUT}: labelled nut, looks like bolt (98.5 %)",
            "5 added, 1 replaced, 0 removed, 2 moved",
            "3: It is empty.",
            "images_labeled_by_folder/nut/e.jpg: It is empty.",
            "cog (2 images): Too few.",
            "manifests/imported/m.json, line 7: No JSON.",
            "took 39 of the 40 entries sent to the train dataset",
            "Line 3 was refused.",
        ):
            assert said in text
        assert "test dataset" not in text

    def test_it_is_said_what_minimums_would_do_where_that_was_kept(self, world: World) -> None:
        title = "what Minimum-Label-Detection-Confidence would do, on its test images"
        assert title not in world.run("report", "v2").stdout

        key = "evaluation/v2/doubt.json"
        boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=calibrated.content())
        text = world.run("report", "v2").stdout

        assert title in text
        assert re.search(r"\n70 % +8 of 20 \(40 %\) +5 of 7 \(71 %\)\n", text)

    def test_figures_have_their_intervals_where_the_report_has_them(self, world: World) -> None:
        write(a_report(**judged_figures()))

        text = world.run("report").stdout

        for said in (
            "means over labels: F1 0.75 (",
            "score of a test image: 0.75 (0.47 to 0.91)",
            "score of what comes in: 0.75 (",
            "speak of 40% of the inference log",
            "nothing is known of what was accepted by v1: 60% of the inference log",
            "wholly right where it is sure: 0.75 (0.47 to 0.91), of 12 test images",
            "Each test image counting once: +0.08 (",
            ", 0.750 against 0.667, on 12 images, which decides.",
            "Images that came since the deployed one was trained: ",
            "By how images came: doubted by the deployed model, 4 images",
            "How often so many images judge a difference the wrong way: 2 points",
        ):
            assert said in text
        assert re.search(r"^nut +0\.\d\d \(0\.\d\d to", text, re.MULTILINE)

    def test_what_was_asked_of_the_version_that_served_is_told_with_its_cost(
        self, world: World
    ) -> None:
        run = {"hours": 0.37, "usd": 1.48, "usd_per_hour": 4.0}
        asked = {"version": "v1", "images": 120, "answered": 118, "run": run}
        write(a_report(asked=asked, uncompared=None))
        assert (
            "v1 has answered about 118 of 120 images for this, and was started for it, for 0.4 "
            "hours, which cost about US$1.48."
        ) in world.run("report", "v2").stdout
        write(a_report(asked={**asked, "run": None}))
        assert "118 of 120 images for this, as it ran anyway." in world.run("report").stdout
        write(a_report(asked={**asked, "answered": 0, "run": None}))
        assert "has answered about" not in world.run("report").stdout

    def test_a_version_that_could_not_be_compared_is_told_apart(
        self, world: World, tmp_path: Path
    ) -> None:
        write(a_report(uncompared="v1 was stopped by hand."))
        record = {"name": "v2", "number": 2, "promote": False, "uncompared": "v1 was stopped."}
        figures = {"f1": 0.75, "precision": 0.8, "recall": 0.7}
        world.put("versions", kind="version", train_images=40, test_images=10, **figures, **record)
        text = world.run("report").stdout
        assert text.startswith("v2: not compared\n")
        assert "kept it from being asked: v1 was stopped by hand.\n" in text
        assert "To go on when that is mended: labelloop train --force" in text
        assert re.search("v2 .*not compared", world.run("versions").stdout)
        page = tmp_path / "report.html"
        world.run("report", "--html", str(page))
        assert "Not compared" in page.read_text(encoding="utf-8")

    def test_labels_and_mistakes_come_worst_first(self, world: World) -> None:
        text = world.run("report").stdout

        rows = re.findall(r"^(nut|gear|bolt) ", text, re.MULTILINE)
        assert rows == ["nut", "gear", "bolt"]
        assert text.index("nut taken for nothing: 2") < text.index("nut taken for bolt: 1")
        assert "bolt taken for bolt" not in text

    def test_the_metric_that_judged_decides_which_is_worst(self, world: World) -> None:
        write(a_report(metric="precision"))

        rows = re.findall(r"^(nut|gear|bolt) ", world.run("report").stdout, re.MULTILINE)
        assert rows == ["bolt", "gear", "nut"]

    def test_json_is_the_report_as_it_was_written(self, world: World) -> None:
        written = a_report(of_a_later_release=1)
        write(written)

        assert json.loads(world.run("report", "--json").stdout) == written

    def test_without_data_and_comparison_the_rest_is_shown(self, world: World) -> None:
        nothing: dict[str, Any] = {"train": None, "test": None}
        write(a_report(data=None, comparison=None, champion=None, confusion=[], entries=nothing))

        result = world.run("report")

        assert result.exit_code == 0 and "data:" not in result.stdout


class TestWithoutReport:
    def test_an_unknown_version_is_refused_with_those_that_there_are(self, world: World) -> None:
        assert "no version v9. The newest: v3, v2, v1" in error_of(world.run("report", "v9"))

    def test_one_that_is_being_trained_has_none_yet(self, world: World) -> None:
        assert "being trained" in error_of(world.run("report", "v3"))

    def test_one_that_failed_says_why(self, world: World) -> None:
        failure = "Rekognition refused 3 images:\n- a.jpg is broken."
        world.put("versions", kind="version", name="v3", number=3, failure=failure)

        assert "a.jpg is broken." in error_of(world.run("report", "v3"))

    def test_one_whose_report_was_deleted_says_so(self, world: World) -> None:
        assert "evaluation/v1/report.json was deleted" in error_of(world.run("report", "v1"))

    @pytest.mark.parametrize("content", ["{", "[]", '{"version": "v2"}'])
    def test_one_that_cannot_be_read_says_so(self, world: World, content: str) -> None:
        write(content)

        assert "no report that this release" in error_of(world.run("report"))

    def test_before_the_first_training_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with aws_in_memory(monkeypatch):
            assert "No version was trained yet" in error_of(World().run("report"))


class Outline(HTMLParser):
    """The page's tags, each closed where it must be, and the table cells' texts."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        values = dict(attrs)
        if tag == "svg":
            assert values["role"] == "img"
            self.pictures.append(values["aria-label"] or "")
        if tag == "th":
            assert values["scope"] in {"col", "row"}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


class TestPage:
    def test_it_is_written_well_formed_and_loads_nothing(
        self, world: World, tmp_path: Path
    ) -> None:
        file = tmp_path / "report.html"

        result = world.run("report", "--html", str(file))

        assert str(file) in result.stdout
        page = file.read_text()
        outline = Outline()
        outline.feed(page)
        assert outline.open == [] and outline.seen.isdisjoint({"script", "link", "img"})
        assert "http" not in page and "url(" not in page and "@import" not in page
        assert "prefers-color-scheme: dark" in page

    def test_it_has_every_plot_and_says_in_words_what_each_shows(self) -> None:
        outline = self.outline()

        versions, labels, confusion = outline.pictures
        assert versions == "v1: F1 0.75, in service; v2: F1 0.75, rejected"
        assert "nut: F1 0.60, precision 0.40, recall 0.60" in labels
        assert "nut taken for (nothing): 2" in confusion

    def test_intervals_are_drawn_where_they_are_known(self) -> None:
        facts = judged_figures()
        short = facts["in_short"]
        versions, labels, _ = self.outline(of_record={"figures": short}, **facts).pictures

        f1 = short["f1"]
        told = f"F1 {f1['value']:.2f} ({f1['low']:.2f} to {f1['high']:.2f})"
        assert versions.startswith(f"v1: {told}, in service")
        assert re.search(r"nut: F1 0\.\d\d \(0\.\d\d to \d\.\d\d\), precision", labels)

    def test_the_metric_that_judged_is_plotted_beside_f1(self) -> None:
        assert self.outline(metric="recall").pictures[0].startswith("v1: F1 0.75, recall 0.70")

    def test_a_detection_model_has_no_confusion(self) -> None:
        assert len(self.outline(confusion=[]).pictures) == 2

    def test_what_people_named_is_escaped(self) -> None:
        page = self.page()
        assert "a &lt;b&gt;.jpg" in page and "a <b>.jpg" not in page

    def test_of_many_labels_the_worst_are_plotted(self) -> None:
        few = a_report()["labels"][0]
        labels = [{**few, "label": f"label {n:03d}", "f1": n / 250} for n in range(250)]
        confusion = [
            {
                "truth": f"label {n:03d}",
                "predicted": f"label {(n + 1) % 250:03d}",
                "images": 250 - n,
            }
            for n in range(250)
        ]
        _, shown, confused = self.outline(labels=labels, confusion=confusion).pictures
        assert shown.count(": F1") == as_page.MOST_LABELS and "label 000: F1" in shown
        assert confused.startswith("Confusion of 40 labels.")

    def test_what_minimums_would_do_is_a_table(self) -> None:
        row = '<td class="text">8 of 20 (40 %)</td><td class="text">5 of 7 (71 %)</td>'
        assert row in self.page()

    def test_a_file_that_cannot_be_written_is_one_line(self, world: World, tmp_path: Path) -> None:
        line = error_of(world.run("report", "--html", str(tmp_path / "nowhere" / "x.html")))

        assert "cannot be written" in line

    def page(self, of_record: dict[str, Any] | None = None, **facts: Any) -> str:
        figures = {"f1": 0.75, "precision": 0.8, "recall": 0.7, **(of_record or {})}
        records = [
            {"name": f"v{n}", "number": n, "train_images": 4, "test_images": 2, **figures}
            for n in (2, 1)
        ]
        judged = [{**record, "promote": record["name"] == "v1"} for record in records]
        failed = {"name": "v3", "number": 3, "failure": "No."}
        report = TypeAdapter(Report).validate_python(a_report(**facts)).shown()
        return as_page.html(
            report, list(map(VersionRecord.from_json, [failed, *judged])), "v1", calibrated.OUTLOOK
        )

    def outline(self, of_record: dict[str, Any] | None = None, **facts: Any) -> Outline:
        outline = Outline()
        outline.feed(self.page(of_record, **facts))
        return outline


class TestCharts:
    def test_bars_are_as_long_as_their_values(self) -> None:
        svg = charts.bars([("Accuracy", "100 images", (0.5, 1.0))], (("one", "v1"), ("two", "v2")))

        half, whole = (
            float(width) for width in re.findall(r'class="v\d" [^>]*width="([\d.]+)%"', svg)
        )
        assert whole == 2 * half > 0
        assert 'aria-label="Accuracy: one 0.50, two 1.00"' in svg

    def test_an_interval_is_a_line_over_its_bar_and_the_figure_behind_both(self) -> None:
        svg = charts.bars([("nut", "", ((0.5, 0.25, 0.75),))], (("F1", "v2"),))

        (start, end) = re.findall(r'class="span" x1="([\d.]+)%" x2="([\d.]+)%"', svg)[0]
        assert float(end) == 3 * float(start) == 0.75 * charts.WIDEST_BAR_PCT
        assert f'<text x="{end}%"' in svg
        assert 'aria-label="nut: F1 0.50 (0.25 to 0.75)"' in svg

    def test_a_claim_stands_on_the_line_where_it_is_as_often_so_as_it_is_sure(self) -> None:
        svg = charts.reliability([charts.Claim(0.5, (0.5, 0.4, 0.6), 100)], "how often")

        line = re.search(
            r'class="least" x1="([\d.]+)%" y1="([\d.]+)" x2="([\d.]+)%" y2="([\d.]+)"', svg
        )
        dot = re.search(r'cx="([\d.]+)%" cy="([\d.]+)"', svg)
        assert line and dot
        left, bottom, right, top = map(float, line.groups())
        assert float(dot[1]) == pytest.approx((left + right) / 2, abs=0.01)
        assert float(dot[2]) == pytest.approx((bottom + top) / 2, abs=0.1)
        assert 'aria-label="how often: 50 % sure: 50 % of 100"' in svg

    def test_values_outside_the_scale_stay_inside_the_picture(self) -> None:
        svg = charts.bars([("x", "", (-1.0, 7.0))], (("one", "v1"), ("two", "v2")))

        widths = re.findall(r'class="v\d" [^>]*width="([\d.]+)%"', svg)
        assert [float(width) for width in widths] == [0.0, charts.WIDEST_BAR_PCT]

    @pytest.mark.parametrize("count", [1, 2, 10, 11, 300])
    def test_of_many_versions_some_are_named_and_the_newest_always(self, count: int) -> None:
        points = [Point(f"v{number}", (0.5,)) for number in range(count)]

        svg = charts.course(points, (("F1", "v2"),))

        named = re.findall(r">(v\d+)</text>", svg)
        assert named[0] == f"v{count - 1}" and len(named) <= charts.MOST_NAMES_ACROSS

    def test_a_cell_is_as_strong_as_its_share_of_its_row(self) -> None:
        counts = {("a", "a"): 3, ("a", "b"): 1, ("b", "b"): 9}

        svg = charts.heat_map(("a", "b"), ("a", "b"), counts, "words")

        cells = dict(re.findall(r'fill-opacity="([\d.]+)"><title>([^:]+):', svg))
        by_cell = {cell: float(strength) for strength, cell in cells.items()}
        assert by_cell["b taken for b"] > by_cell["a taken for a"] > by_cell["a taken for b"]
