"""Imports moto without its EC2, which would cost a second of every start.

EC2 reads megabytes of instance types when it is imported, and two modules that are needed here
import it for what nobody calls: Parameter Store for SendCommand, and the interpreter of state
machines for Batch.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import moto

_PACKAGE = Path(moto.__file__).parent


class _NoBackends:
    def __getitem__(self, account_id: Any) -> NoReturn:
        raise NotImplementedError("the embedded runtime has no EC2")


def skip_ec2() -> None:
    """Import those two with stand-ins for EC2 and Batch; whoever wants these later gets them."""
    if "moto.ec2" in sys.modules:
        return
    ec2: Any = ModuleType("moto.ec2")
    ec2.ec2_backends = _NoBackends()
    batch: Any = ModuleType("moto.batch")
    batch.__path__ = [str(_PACKAGE / "batch")]  # its modules without its __init__
    stand_ins = {"moto.ec2": ec2, "moto.batch": batch}
    sys.modules.update(stand_ins)
    try:
        importlib.import_module("moto.ssm.models")
        importlib.import_module("moto.stepfunctions.parser.models")
    finally:
        for name in stand_ins:
            del sys.modules[name]
