"""What is attacked: a gateway, and the door that leads to it."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.deploy.nginx_server import Nginx
from tests.gateway.replica import Replica
from tests.hostile.door import Door

USUAL_HANDLES = 1024
"""Files that a process may have open on most machines, unless it asks for more."""


@dataclass(frozen=True)
class Site:
    """``nginx`` is None where the door is the gateway's own."""

    gateway: Replica
    door: Door
    nginx: Nginx | None = None

    def behind(self, nginx: Nginx) -> Site:
        """The same gateway, reached by way of ``nginx``."""
        return replace(self, door=Door(nginx.port, nginx.trusting), nginx=nginx)


@contextlib.contextmanager
def open_site(triton_url: str, log: Path, **settings: str) -> Iterator[Site]:
    """A gateway of its own, begun with no more handles than usual; 127.0.0.1 is a proxy that it trusts."""
    own, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (USUAL_HANDLES, most))
    try:
        gateway = Replica(triton_url, log, **{"LIMNER_TRUSTED_PROXIES": "127.0.0.1", **settings})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (own, most))
    try:
        gateway.wait()
        yield Site(gateway, Door(gateway.port))
    finally:
        gateway.stop()
