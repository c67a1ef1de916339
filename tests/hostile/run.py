"""All attacks on one gateway, and what it held before, meanwhile and afterwards, as ``perf/results/hostile.json``.

    python -m tests.hostile.run [gateway] [nginx]

The attacks are those of the tests, with more clients, and as long as the real limits of time let them go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from limner.settings import PROJECT_ROOT, Settings
from perf.machine import describe_run
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor
from tests.debian_programs import require_program
from tests.deploy.nginx_server import Nginx
from tests.deploy.photos import LARGE, noise
from tests.hostile.attacks.archives import send_broken
from tests.hostile.attacks.breaking import break_off
from tests.hostile.attacks.floods import flood
from tests.hostile.attacks.forms import ask
from tests.hostile.attacks.guesses import guess, random_ids
from tests.hostile.attacks.heads import forms, heads, knock
from tests.hostile.attacks.idle import idle
from tests.hostile.attacks.lying_frames import rapid_resets
from tests.hostile.attacks.slow import deaf, slow_bodies, slow_heads, stopped_uploads
from tests.hostile.attacks.smuggling import bodies_of_every_call, cases, smuggle
from tests.hostile.attacks.streams import reconnect
from tests.hostile.door import crowd
from tests.hostile.frames import talk
from tests.hostile.siege import Siege, siege
from tests.hostile.site import Site, open_site

RESULTS = PROJECT_ROOT / "perf" / "results" / "hostile.json"
STALL = 70.0
"""Seconds; whoever reads nothing is cut off earlier."""

Attack = Callable[[Siege], Awaitable[None]]


async def _slow(under: Siege) -> None:
    kinds = (slow_heads, slow_bodies, stopped_uploads)
    for tally in await asyncio.gather(*(kind(under.site.door, 250) for kind in kinds)):
        under.tally.add(tally)


async def _deaf(under: Siege) -> None:
    """Ends when the server has given up on them."""
    async with _results(under.site, 2) as results:
        requests = [ask(f"{result}/image") for result in results] + [ask("/openapi.json") * 100] * 100
        async with deaf(under.site.door, requests, under.tally):
            await asyncio.sleep(STALL)


async def _broken_off(under: Siege) -> None:
    async with _results(under.site, 2) as results:
        under.tally.add(await break_off(under.site.door, results, count=1000, at_once=50, seed=9))


async def _streams(under: Siege) -> None:
    async with _results(under.site, 1) as results:
        paths = [*results, f"/v1/photos/{'0' * 32}", f"/v1/batches/{'0' * 32}"]
        under.tally.add(await reconnect(under.site.door, paths, clients=300, times=5, seed=9))


async def _idle(under: Siege) -> None:
    async with idle(under.site.door, 1000, under.tally):
        await asyncio.sleep(5.0)


async def _flood_of_one(under: Siege) -> None:
    under.tally.add(await flood(under.site.door, 5000, 1))


async def _flood_of_many(under: Siege) -> None:
    under.tally.add(await flood(under.site.door, 5000, 2000))


async def _guesses(under: Siege) -> None:
    kinds = await guess(under.site.door, random_ids(10_000, "0" * 32, seed=9), under.tally)
    assert {status for status, _, _ in kinds} == {404}


async def _strange(under: Siege) -> None:
    requests = enumerate([*heads(), *forms("/v1/enhance", b"no photo"), *forms("/v1/batches", b"no archive")])
    await crowd([lambda n=n, r=r: knock(under.site.door, r, under.tally, _source(n)) for n, r in requests], 16)  # type: ignore[misc]


async def _smuggled(under: Siege) -> None:
    which = enumerate([*cases(), *cases("GET", "/v1/models"), *bodies_of_every_call()])
    await crowd([lambda n=n, c=c: smuggle(under.site.door, c, under.tally, _source(n)) for n, c in which], 16)  # type: ignore[misc]


async def _archives(under: Siege) -> None:
    under.tally.add(await send_broken(under.site.door, clients=100, seed=9))


async def _resets(under: Siege) -> None:
    for number in range(20):
        async with talk(under.site.door, _source(number)) as said:
            await rapid_resets(said, 1000)
            under.tally.connections += 1
            under.tally.requests += 1000


ATTACKS: dict[str, Attack] = {
    "slow heads, slow uploads, uploads that stop": _slow,
    "answers that are never read": _deaf,
    "uploads and downloads that break": _broken_off,
    "event streams that come again": _streams,
    "idle connections": _idle,
    "flood of one client": _flood_of_one,
    "flood of 2,000 clients": _flood_of_many,
    "guessed task ids": _guesses,
    "strange heads, paths and forms": _strange,
    "smuggled requests": _smuggled,
    "broken archives": _archives,
}
THROUGH_NGINX: dict[str, Attack] = {**ATTACKS, "HTTP/2 requests taken back at once": _resets}
LIMITED = {"flood of one client", "flood of 2,000 clients"}


def _source(number: int) -> str:
    return f"127.0.10.{1 + number % 250}"


@contextlib.asynccontextmanager
async def _results(site: Site, count: int) -> AsyncIterator[list[str]]:
    """Paths of finished tasks; their results are larger than what kernels take on the way, and count as received."""

    def make(seed: int) -> str:
        task = site.gateway.submit(noise(1300, seed), LARGE)
        site.gateway.until(task, "completed")
        return f"/v1/photos/{task}"

    made = [await asyncio.to_thread(make, seed) for seed in range(count)]
    yield made
    for path in made:
        assert site.gateway.client.get(path).json()["status"] == "completed", "a result was lost"
        assert site.gateway.client.delete(path).status_code == 200


async def measure(site: Site, attack: Attack) -> dict[str, object]:
    """The figures of one attack."""
    async with siege(site) as under:
        await attack(under)
    return under.figures()


async def measure_all(site: Site, limited: Site, attacks: dict[str, Attack]) -> dict[str, object]:
    """Those of all; floods meet a gateway with quotas."""
    figures: dict[str, object] = {}
    for name, attack in attacks.items():
        figures[name] = await measure(limited if name in LIMITED else site, attack)
        sys.stdout.write(f"{name}: {figures[name]}\n")
        sys.stdout.flush()
    return figures


def main(*doors: str) -> None:
    """Write the figures of ``doors``, all where none is named, beside those of the others."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, most))
    found = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory(prefix="limner-hostile-") as folder, contextlib.ExitStack() as open_:
        Path(folder).chmod(0o755)
        triton = open_.enter_context(Supervisor(Settings(), Endpoint(free_port(), free_port(), open_apis=True)))
        url, quota = triton.endpoint.url, "100/minute;400/hour"
        for door in doors or ("gateway", "nginx"):
            site = open_.enter_context(open_site(url, Path(folder) / f"{door}-log"))
            limited = open_.enter_context(open_site(url, Path(folder) / f"{door}-limited", LIMNER_RATE_LIMIT=quota))
            if door == "nginx":
                site, limited = (_behind_nginx(behind, Path(folder), open_) for behind in (site, limited))
            attacks = ATTACKS if door == "gateway" else THROUGH_NGINX
            found[door] = {
                **describe_run(),
                "attacks": asyncio.run(measure_all(site, limited, attacks)),
            }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _behind_nginx(site: Site, folder: Path, open_: contextlib.ExitStack) -> Site:
    own = folder / str(site.gateway.port)
    own.mkdir()
    nginx = Nginx(require_program("nginx", "nginx"), own, f"127.0.0.1:{site.gateway.port}")
    open_.callback(nginx.stop)
    return site.behind(nginx)


if __name__ == "__main__":
    main(*sys.argv[1:])
