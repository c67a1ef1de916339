"""Clients of a gateway, as a process of their own: they ask how far tasks are, and keep tasks at work.

    python -m perf.load_clients URL [--clients 100] [--listeners 10] [--tasks 10] [--think 1] [--seconds 60]

Every client has a connection of its own, which it keeps, and waits for ``--think`` seconds (half to one and a half
times that) after each answer. Most calls ask for the state of a task; one in 20 each asks for ``/healthz`` and
``/v1/models``, one in 50 for ``/metrics``. Listeners have the events of a task open. Prints JSON: times from the first
byte sent to the last byte received (of events: to the head of the answer), what failed, and how late this process was
itself. Ends by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import io
import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from PIL import Image
from skimage import data

from perf.keep_alive import Answer, Broken, Connection
from perf.latency import summary

OTHER_CALLS = {"healthz": 0.05, "models": 0.05, "metrics": 0.02}
PATHS = {"healthz": "/healthz", "models": "/v1/models", "metrics": "/metrics"}
WARM_UP_SECONDS = 3.0
TICK_SECONDS = 0.02
POLL_SECONDS = 1.0
"""Between two looks at a task of one's own."""

IDLE_TASKS = 10
"""Finished tasks that are asked about where none is to be at work."""

SIZE = (180, 240)
OPTIONS = {"background": "realesrgan"}
QUICK = {"background": "lanczos", "restorer": "none", "enhancement_level": "1"}


@dataclass
class Load:
    """What the clients share: tasks that may be asked about, and what was measured."""

    url: str
    think: float
    tasks: dict[int, str] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=lambda: collections.defaultdict(list))
    failures: collections.Counter[str] = field(default_factory=collections.Counter)
    completed: int = 0
    counting: bool = False

    @contextlib.contextmanager
    def timed(self, call: str) -> Iterator[list[Answer]]:
        """Time a call; the block puts its answer into the list."""
        answers: list[Answer] = []
        started = time.perf_counter()
        try:
            yield answers
        except Broken as error:
            self._fail(f"{call} {error}")
            return
        seconds = time.perf_counter() - started
        if answers and answers[0].status >= 400:
            self._fail(f"{call} {answers[0].status}")
        elif self.counting:
            self.seconds[call].append(seconds)

    def _fail(self, what: str) -> None:
        if self.counting:
            self.failures[what] += 1

    async def pause(self, chance: random.Random) -> None:
        await asyncio.sleep(self.think * chance.uniform(0.5, 1.5))

    def some_task(self, chance: random.Random) -> str:
        return chance.choice(list(self.tasks.values()))


def form(options: dict[str, str], size: tuple[int, int]) -> tuple[bytes, str]:
    """A portrait of ``size`` (width, height) as a JPEG in a form, and the type of the content."""
    encoded = io.BytesIO()
    portrait = Image.fromarray(data.astronaut()).crop((60, 0, 420, 480))  # type: ignore[no-untyped-call]
    portrait.resize(size, Image.Resampling.LANCZOS).save(encoded, "JPEG", quality=80)
    boundary = "limner-perf"
    fields = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in options.items()
    )
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="portrait.jpg"\r\n\r\n'
    body = fields.encode() + head.encode() + encoded.getvalue() + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


async def ask_about_tasks(load: Load, chance: random.Random) -> None:
    """One client, for ever."""
    await asyncio.sleep(load.think * chance.random())
    with contextlib.closing(Connection(load.url)) as connection:
        while True:
            (call,) = chance.choices([*OTHER_CALLS, "status"], [*OTHER_CALLS.values(), 1 - sum(OTHER_CALLS.values())])
            path = PATHS.get(call) or f"/v1/photos/{load.some_task(chance)}"
            with load.timed(call) as answers:
                answers.append(await connection.ask("GET", path))
            await load.pause(chance)


async def listen(load: Load, chance: random.Random) -> None:
    """One client with the events of a task open, and then those of another, for ever."""
    with contextlib.closing(Connection(load.url)) as connection:
        while True:
            events = connection.stream(f"/v1/photos/{load.some_task(chance)}/events")
            with load.timed("events") as answers:
                answers.append(await anext(events))
            with contextlib.suppress(Broken):
                async for _ in events:
                    pass
            await load.pause(chance)


async def submit(load: Load, connection: Connection, place: int, photo: tuple[bytes, str]) -> bool:
    """Hand in a photo, from now on the task at ``place``; False where it was not taken."""
    with load.timed("submit") as answers:
        answers.append(await connection.ask("POST", "/v1/photos", *photo))
    if not answers or answers[0].status != 202:
        return False
    load.tasks[place] = json.loads(answers[0].body)["task_id"]
    return True


async def finish(load: Load, connection: Connection, place: int) -> str:
    """Ask again and again until a task is over; gives its last status, or what else there is instead."""
    status = "pending"
    while status in {"pending", "processing"}:
        await asyncio.sleep(POLL_SECONDS)
        with load.timed("status") as answers:
            answers.append(await connection.ask("GET", f"/v1/photos/{load.tasks[place]}"))
        if answers:
            status = json.loads(answers[0].body)["status"]  # of a problem, a number
    return status


async def keep_at_work(load: Load, place: int, photo: tuple[bytes, str]) -> None:
    """Hand in a photo, fetch its result, and hand in the next, for ever; cancelled, it deletes what is left."""
    connection = Connection(load.url)
    try:
        while True:
            if not await submit(load, connection, place, photo):
                await asyncio.sleep(POLL_SECONDS)
            elif await finish(load, connection, place) == "completed":
                load.completed += load.counting
                with load.timed("image") as answers:
                    answers.append(await connection.ask("GET", f"/v1/photos/{load.tasks[place]}/image"))
    finally:
        connection.close()  # an answer may be half read
        with contextlib.suppress(Broken, KeyError):
            await connection.ask("DELETE", f"/v1/photos/{load.tasks[place]}")
        connection.close()


async def watch_lateness(late: list[float]) -> None:
    """How much later than asked this process is woken up."""
    while True:
        due = time.perf_counter() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        late.append(time.perf_counter() - due)


async def run(url: str, *, clients: int, listeners: int, tasks: int, think: float, seconds: float) -> dict[str, object]:
    """The whole load; gives what is printed."""
    load = Load(url, think)
    workers = []
    if tasks:
        photo = form(OPTIONS, SIZE)
        workers = [asyncio.create_task(keep_at_work(load, place, photo)) for place in range(tasks)]
    else:
        await _finished_tasks(load)
    while len(load.tasks) < (tasks or IDLE_TASKS):
        await asyncio.sleep(0.05)
    late: list[float] = []
    behaviours = [listen] * listeners + [ask_about_tasks] * (clients - listeners)
    running = [asyncio.create_task(watch_lateness(late))]
    for number, behave in enumerate(behaviours):
        running.append(asyncio.create_task(behave(load, random.Random(number))))  # noqa: S311 - repeatable, not secret
    try:
        await _unless_ended([*running, *workers], WARM_UP_SECONDS)
        late.clear()
        load.counting, cpu = True, time.process_time()
        await _unless_ended([*running, *workers], seconds)
        load.counting, cpu = False, time.process_time() - cpu
    finally:
        for task in (*running, *workers):
            task.cancel()
        await asyncio.gather(*running, *workers, return_exceptions=True)
    every = [value for values in load.seconds.values() for value in values]
    return {
        "all": summary(every),
        "calls_per_second": round(len(every) / seconds, 1),
        "failed": dict(load.failures),
        "by_call": {call: summary(values) for call, values in sorted(load.seconds.items())},
        "tasks_completed": load.completed,
        "clients_late": summary(late),
        "clients_cores": round(cpu / seconds, 2),
    }


async def _finished_tasks(load: Load) -> None:
    connection, photo = Connection(load.url), form(QUICK, (64, 64))
    for place in range(IDLE_TASKS):
        if not await submit(load, connection, place, photo) or await finish(load, connection, place) != "completed":
            raise SystemExit("the gateway enhances nothing")
    connection.close()


async def _unless_ended(tasks: list[asyncio.Task[None]], seconds: float) -> None:
    """Wait; a client that ended has met a fault of its own, which is raised."""
    ended, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in ended:
        task.result()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("url")
    arguments.add_argument("--clients", type=int, default=100)
    arguments.add_argument("--listeners", type=int, default=10, help="of the clients, how many listen to events")
    arguments.add_argument("--tasks", type=int, default=10, help="kept at work")
    arguments.add_argument("--think", type=float, default=1.0, help="seconds between an answer and the next call")
    arguments.add_argument("--seconds", type=float, default=60.0)
    wanted = vars(arguments.parse_args())
    sys.stdout.write(json.dumps(asyncio.run(run(wanted.pop("url"), **wanted))) + "\n")


if __name__ == "__main__":
    main()
