"""Other clients' tasks: nobody learns that they are there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.access.keys import hash_of, new_key
from tests.deploy.photos import QUICK, noise
from tests.hostile.attacks.forms import ask
from tests.hostile.attacks.guesses import CALLS, guess, kind_of, near_misses, random_ids
from tests.hostile.site import Site, open_site
from tests.hostile.tally import Tally

pytestmark = pytest.mark.timeout(120, func_only=True)

OWNER, OTHER = new_key(), new_key()


@pytest.fixture(scope="module")
def keyed(triton_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """For holders of two keys."""
    keys = f"owner:{hash_of(OWNER)}:enhance+metrics,other:{hash_of(OTHER)}"
    with open_site(triton_url, tmp_path_factory.mktemp("keyed") / "log", LIMNER_API_KEYS=keys) as site:
        site.gateway.client.headers["X-API-Key"] = OWNER
        yield site


async def test_guesses_and_tasks_of_others_look_the_same(keyed: Site) -> None:
    task = keyed.gateway.submit(noise(32), QUICK)
    keyed.gateway.until(task, "completed")
    header = f"X-API-Key: {OTHER}\r\n"
    tally = Tally()
    kinds = await guess(keyed.door, random_ids(10_000, task, seed=9), tally, header)
    assert len(kinds) == 1, "there are differences to learn from"
    ((status, _, _),) = kinds
    assert status == 404
    for method, path in CALLS:
        answer = await keyed.door.ask(ask(path.format(task), method, header))
        assert answer is not None
        assert kind_of(answer) in kinds, f"{method} {path} tells that the task is there"
    near = await guess(keyed.door, near_misses(task), tally, header)
    assert {status for status, _, _ in near} == {404}
    assert keyed.gateway.client.get(f"/v1/photos/{task}/image").status_code == 200, "somebody has taken or wiped it"


async def test_without_a_key_all_paths_are_the_same(keyed: Site) -> None:
    task = keyed.gateway.submit(noise(32), QUICK)
    kinds = await guess(keyed.door, [task] * len(CALLS) + random_ids(100, task, seed=10), Tally())
    assert {status for status, _, _ in kinds} == {401}
    assert len(kinds) == 1
    keyed.gateway.until(task, "completed")


async def test_the_owner_s_own_guesses_find_nothing(keyed: Site) -> None:
    """Neither part of an id nor another spelling of it is taken for the id."""
    task = keyed.gateway.submit(noise(32), QUICK)
    keyed.gateway.until(task, "completed")
    kinds = await guess(keyed.door, near_misses(task) * 3, Tally(), f"X-API-Key: {OWNER}\r\n")
    assert {status for status, _, _ in kinds} == {404}
    assert keyed.gateway.state(task)["status"] == "completed"
