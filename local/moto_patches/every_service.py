"""What is changed of moto's server, whichever service is asked."""

from __future__ import annotations

import functools
from typing import Any

from moto import backends
from moto.core import responses
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from local.moto_patches.around import Around, Patches


def cache_service_lookup(_: Around) -> None:
    """moto lists its own folder (190 stat calls, under a global lock) to find the service of every
    request.
    """
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules

    find = DomainDispatcherApplication.get_backend_for_host
    found: dict[str | None, Any] = {}

    def get_backend_for_host(self: Any, host: str | None) -> Any:
        if host not in found:
            found[host] = find(self, host)
        return found[host]

    DomainDispatcherApplication.get_backend_for_host = get_backend_for_host


def list_operations_once(_: Around) -> None:
    """moto looks through all members of a service's class for the operation of every request."""
    look = responses.method_names_from_class

    @functools.cache
    def listed(service: type, _members: int) -> list[str]:
        return list(look(service))

    # Operations that moto does not have are given to it, at any time.
    responses.method_names_from_class = lambda service: listed(service, len(vars(service)))


def answer_no_other_origin(_: Around) -> None:
    """moto tells browsers that every page of the web may read every answer."""
    werkzeug_app.DISABLE_GLOBAL_CORS = True


PATCHES: Patches = (
    cache_service_lookup,
    list_operations_once,
    answer_no_other_origin,
)
