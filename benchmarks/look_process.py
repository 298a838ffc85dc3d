"""A fresh process that looks at images as the eye does, and measures itself.

Started by ``look`` as ``python -P benchmarks/look_process.py NETWORKS preview|none FILES...``. It
prints the processor seconds before the first look, those of the median look, and megabytes.
"""

import resource
import statistics
import sys
import time
from pathlib import Path

from benchmarks.invocation import peak_mb
from labelvision.backbone import Backbone
from labelvision.looking import look


def main(networks: str, rendition: str, files: list[str]) -> None:
    """Look at each file once."""
    backbone = Backbone(Path(networks))
    began_s = time.process_time()
    seconds = []
    for name in files:
        before_s = time.process_time()
        look(Path(name).read_bytes(), backbone, with_preview=rendition == "preview")
        seconds.append(time.process_time() - before_s)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(began_s, statistics.median(seconds), max(seconds), peak_mb(usage.ru_maxrss))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
