"""``limner serve`` before the real Triton, reached straight and through the real nginx."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from tests.deploy.conftest import StartNginx, start_nginx
from tests.hostile.site import Site, open_site

__all__ = ["start_nginx"]


@pytest.fixture(scope="session", autouse=True)
def _many_handles() -> None:
    """A thousand connections have their ends here, too."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < 4096:
        pytest.skip(f"a process may open {most} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, most))


@pytest.fixture(scope="session")
def straight(triton_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Without nginx, and without a limit of uploads."""
    with open_site(triton_url, tmp_path_factory.mktemp("hostile") / "log") as site:
        yield site


@pytest.fixture(scope="session")
def fronted(straight: Site, start_nginx: StartNginx) -> Site:
    """The same gateway through nginx."""
    return straight.behind(start_nginx(f"127.0.0.1:{straight.gateway.port}"))


@pytest.fixture(params=["gateway", "nginx"])
def site(request: pytest.FixtureRequest, straight: Site) -> Site:
    """One after the other."""
    if request.param == "gateway":
        return straight
    through: Site = request.getfixturevalue("fronted")
    return through
