"""What of the runtime moto's patches call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local.clock import Clock
from local.role_clients import Clients
from local.services.event_bus import EventBus
from local.services.scheduler import Schedules
from local.services.state_machines import Executions


@dataclass
class Around:
    """The parts of the runtime that moto works with now: the patches stay, and the parts may be
    replaced by those of a later runtime.
    """

    clock: Clock
    clients: Clients
    bus: EventBus
    schedules: Schedules
    executions: Executions


Patches = tuple[Callable[[Around], None], ...]
