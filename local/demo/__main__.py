"""`python -m local.demo`: watch Label Loop improve a model on this machine, and see the figures."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from labelloop.domain.annotations import ModelType
from labelloop.errors import LabelLoopError
from local.demo import demo_report
from local.demo.application import Application
from local.demo.display import Display
from local.demo.failure import DemoError
from local.demo.material import Material, drawn, photos
from local.demo.results import Results
from local.demo.story import Story
from local.demo.visitor import UNREACHABLE
from local.launch import ROOT

DEFAULT_SEED = 1
INTERRUPTED = 130
DYING_TAKES_S = 0.5


def main(arguments: Sequence[str]) -> int:
    """0 when the last version is better than the first on images never shown, 1 when not."""
    options = _options(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    console = Console()
    material = _material(options)
    stack_parameters = {**material.deployed_with, "ModelType": material.model_type.value}
    application = Application(options.data_dir.resolve(), stack_parameters)
    try:
        with application, Display(console) as display:
            story = Story(options.seed, material, application, display)
            results = _tell(story, application)
    except KeyboardInterrupt:
        print("The demo was interrupted; the application is stopped.", file=sys.stderr)
        return INTERRUPTED
    except DemoError as error:
        return _failed(str(error), application)
    page = demo_report.html(results, story.pictures, display.times(), material)
    options.report.write_text(page, encoding="utf-8")
    if console.is_terminal:
        console.print(demo_report.table(results))
    else:
        print(demo_report.plain_table(results))
    print(f"{results.verdict} ({display.seconds:.0f} s; the pictures: {options.report})")
    return 0 if results.better else 1


def _tell(story: Story, application: Application) -> Results:
    """What the story came to. Raises DemoError, too where a call failed."""
    try:
        return story.tell()
    except (BotoCoreError, ClientError, LabelLoopError, *UNREACHABLE) as error:
        time.sleep(DYING_TAKES_S)
        application.check()
        raise DemoError(f"A call to the application failed: {error}") from error


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=DEFAULT_SEED, help="draws other images (default %(default)s)"
    )
    parser.add_argument(
        "--model-type",
        choices=[model_type.value for model_type in ModelType],
        default=ModelType.CLASSIFICATION.value,
        help="what the model does (default %(default)s)",
    )
    parser.add_argument(
        "--pictures",
        choices=["drawn", "photos"],
        default="drawn",
        help="what it learns: drawn parts, or photographs of foods, which the first call downloads "
        "(default %(default)s)",
    )
    parser.add_argument("--report", type=Path, default=Path("demo-report.html"))
    parser.add_argument("--data-dir", type=Path, default=ROOT / ".local" / "demo")
    parser.add_argument("--photos-dir", type=Path, default=ROOT / ".local" / "photos")
    options = parser.parse_args(arguments)
    if options.pictures == "photos" and options.model_type != ModelType.CLASSIFICATION:
        parser.error("Each photograph has one label: --pictures photos is for classification.")
    return options


def _material(options: argparse.Namespace) -> Material:
    if options.pictures == "photos":
        return photos(options.photos_dir.resolve())
    return drawn(ModelType(options.model_type))


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _failed(reason: str, application: Application) -> int:
    where = "" if str(application.log) in reason else f" Its log: {application.log}"
    print(f"The demo failed: {reason}{where}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
