"""The application on one machine: AWS as far as the template, and published programs, need it.

All of it is one process.

Matrices are multiplied in one thread, as images are: the same sums in the same order give the same
numbers every time. Several threads would also turn in place while they wait for each other, which
doubles the processor time that a training takes on a busy machine.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported
