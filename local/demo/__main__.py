"""`python -m local.demo`: watch Label Loop improve a model on this machine, and see the figures."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local.demo import report
from local.demo.application import REPOSITORY, Application, environment
from local.demo.display import Display
from local.demo.failure import DemoError
from local.demo.story import Story
from local.demo.visitor import UNREACHABLE

DEFAULT_SEED = 1
INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """0 when version 2 is better than version 1 on images never shown, 1 when not."""
    options = _options(arguments)
    kept = environment(os.environ)
    os.environ.clear()
    os.environ.update(kept)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    console = Console()
    application = Application(options.data_dir.resolve())
    try:
        with application, Display(console) as display:
            story = Story(options.seed, application, display)
            results = story.tell()
    except KeyboardInterrupt:
        print("The demo was interrupted; the application is stopped.", file=sys.stderr)
        return INTERRUPTED
    except DemoError as error:
        return _failed(str(error), application)
    except (BotoCoreError, ClientError, *UNREACHABLE) as error:
        return _failed(f"A call to the application failed: {error}", application)
    page = report.html(results, story.pictures, display.times())
    options.report.write_text(page, encoding="utf-8")
    if console.is_terminal:
        console.print(report.table(results))
    else:
        print(report.plain_table(results))
    print(f"{results.verdict} ({display.seconds:.0f} s; the pictures: {options.report})")
    return 0 if results.better else 1


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=DEFAULT_SEED, help="draws other images (default %(default)s)"
    )
    parser.add_argument("--report", type=Path, default=Path("demo-report.html"))
    parser.add_argument("--data-dir", type=Path, default=REPOSITORY / ".local" / "demo")
    return parser.parse_args(arguments)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _failed(reason: str, application: Application) -> int:
    where = "" if str(application.log) in reason else f" Its log: {application.log}"
    print(f"The demo failed: {reason}{where}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
