"""nginx before real gateways, which are before the real Triton."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.debian_programs import require_program
from tests.deploy.nginx_server import Nginx
from tests.gateway.replica import Replica

StartNginx = Callable[..., Nginx]


@pytest.fixture(scope="session")
def start_nginx() -> Iterator[StartNginx]:
    """Starts an nginx for the address of gateways, with the further arguments of :class:`Nginx`."""
    program = require_program("nginx", "nginx")
    running: list[Nginx] = []
    # pytest's own folders are closed to other users, whom nginx is run by.
    with tempfile.TemporaryDirectory(prefix="limner-nginx-") as folder:
        Path(folder).chmod(0o755)

        def start(gateway: str, resolver: str = "127.0.0.1:1", changes: dict[str, str] | None = None) -> Nginx:
            own = Path(folder) / str(len(running))
            own.mkdir()
            running.append(Nginx(program, own, gateway, resolver, changes))
            return running[-1]

        yield start
        for nginx in running:
            nginx.stop()


@pytest.fixture(scope="session")
def gateway(triton_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    """``limner serve`` behind nginx, without a limit of uploads."""
    replica = Replica(triton_url, tmp_path_factory.mktemp("gateway") / "log", LIMNER_TRUSTED_PROXIES="127.0.0.1")
    yield replica.wait()
    replica.stop()


@pytest.fixture(scope="session")
def nginx(gateway: Replica, start_nginx: StartNginx) -> Nginx:
    """Before the one gateway."""
    return start_nginx(f"127.0.0.1:{gateway.port}")


@pytest.fixture(scope="session")
def alone(start_nginx: StartNginx) -> Nginx:
    """Before a gateway that is not there."""
    return start_nginx("127.0.0.1:1")
