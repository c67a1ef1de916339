"""The users, as a locustfile; it can be run alone, against any gateway:

    python -m locust --headless -f perf/http_load/users.py --host http://127.0.0.1:8000 --users 10 --run-time 30 \
        --stop-timeout 60 --record /dev/null

Locust replaces Python's sleeping, threads and sockets by gevent's, so this module is for its process alone.

A user is mostly between photos, and looks at its last one, at the models and at the page. Now and then it hands in a
photo, polls the state or listens to the events until it is done, and fetches the result; some change their mind and
delete it. A photo that the gateway took is seen through to its end, also when the run is over.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import psutil
from locust import FastHttpUser, between, events, task
from locust.argument_parser import LocustArgumentParser
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, FastResponse, ResponseContextManager
from locust.env import Environment
from locust.event import EventHook

from perf.http_load.mix import BACKGROUNDS, DELETED, LISTENERS, LOOKS, MIX, Kind
from perf.http_load.record import ANSWERED, REFUSED, Call, Ended, Fault, HandedIn, Recorder, Sample, Stopped

SEED = 7
PATHS = {"models": "/v1/models", "healthz": "/healthz", "page": "/"}
POLL_SECONDS = 1.0
FULL = "urn:limner:problem:temporary-reduced-capacity"
"""The problem that is no failure: all places are taken."""


class PhotoUser(FastHttpUser):
    """One user, with a connection of its own."""

    wait_time = between(0.5, 1.5)
    network_timeout = 60.0
    recorder: Recorder
    settings: Namespace
    chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    numbers = itertools.count(1)
    last_photo: str | None = None

    @task
    def act(self) -> None:
        if self.chance.random() < self.settings.photos:
            kinds = [kind for kind in MIX if kind.background in self.settings.backgrounds.split(",")]
            self.enhance(self.chance.choices(kinds, [kind.share for kind in kinds])[0])
        else:
            self.look(self.chance.choices([*LOOKS], [*LOOKS.values()])[0])

    def look(self, at: str) -> None:
        """One call between photos."""
        if at == "state" and self.last_photo is not None:
            self.ask("GET", self.last_photo, "status")
        else:
            name = at if at in PATHS else "healthz"
            self.ask("GET", PATHS[name], name)

    def enhance(self, kind: Kind) -> None:
        """Hand in a photo and see it through; where there is no place, leave it for now."""
        form = {"background": kind.background}
        answer = self.ask("POST", "/v1/photos", "submit", data=form, files={"file": ("portrait.jpg", kind.photo)})
        if answer.status_code != 202:
            wait = answer.headers.get("retry-after") if answer.headers else None
            time.sleep(float(wait) if isinstance(wait, str) else POLL_SECONDS)
            return
        number = next(self.numbers)
        self.recorder.write(HandedIn(self.recorder.now(), number, kind.name))
        self.last_photo = f"/v1/photos/{json.loads(answer.content)['task_id']}"
        end = self.see_through(self.last_photo, kind)
        self.recorder.write(Ended(self.recorder.now(), number, end))

    def see_through(self, photo: str, kind: Kind) -> str:
        """What became of a photo."""
        if self.chance.random() < DELETED:
            return self.delete(photo)
        if self.chance.random() < LISTENERS:
            self.listen(photo)
        state = self.poll(photo)
        if state != "completed":
            return "failed" if state == "failed" else f"lost: {state}"
        answer = self.ask("GET", f"{photo}/image", "image")
        if answer.status_code != 200:
            return f"lost: {answer.status_code} instead of the image"
        return "fetched" if kind.is_result(answer.content) else "lost: another image"

    def delete(self, photo: str) -> str:
        time.sleep(self.chance.uniform(0, 2))
        self.ask("DELETE", photo, "delete")
        state = self.poll(photo)
        return "deleted" if state == "cleaned" else f"lost: {state} after it was deleted"

    def listen(self, photo: str) -> None:
        """Until the end of the events; measured is the time to the head of the answer."""
        answer = self.ask("GET", f"{photo}/events", "events", stream=True)
        if answer.status_code == 200:
            with contextlib.suppress(*FAILURE_EXCEPTIONS):  # a stream that breaks is no loss: there is the state to ask
                _ = answer.content

    def poll(self, photo: str) -> str:
        """The state of a photo once it is at an end, or what else there is instead."""
        end = time.monotonic() + self.settings.patience
        while time.monotonic() < end:
            answer = self.ask("GET", photo, "status")
            if answer.status_code == 200:
                state: str = json.loads(answer.content)["status"]
                if state not in {"pending", "processing"}:
                    return state
            elif 400 <= answer.status_code < 500:
                return f"{answer.status_code} instead of its state"
            time.sleep(POLL_SECONDS)
        return "no end"

    def ask(
        self,
        method: str,
        path: str,
        name: str,
        *,
        data: dict[str, str] | None = None,
        files: dict[str, tuple[str, bytes]] | None = None,
        stream: bool = False,
    ) -> ResponseContextManager:
        """One call, which locust's own tables have under ``name``; a refusal is no failure there."""
        answer = self.client.request(
            method, path, name=name, data=data, files=files, stream=stream, catch_response=True
        )
        with answer:
            if answer.status_code == 503 and json.loads(answer.content).get("type") == FULL:
                answer.request_meta["name"] = f"{name}, refused"
                answer.request_meta["context"]["outcome"] = REFUSED
                answer.success()  # type: ignore[no-untyped-call]
        return answer


def _options(parser: LocustArgumentParser) -> None:
    parser.add_argument("--record", type=Path, required=True, help="file for what is measured")
    parser.add_argument("--photos", type=float, default=0.02, help="share of what users do that is a photo")
    parser.add_argument("--backgrounds", default=",".join(BACKGROUNDS), help="of the photos, separated by commas")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds that a photo may take")


def _start(environment: Environment, **_: object) -> None:
    settings = environment.parsed_options
    if settings is None:
        raise RuntimeError("these users need options")
    random.seed(SEED)  # locust's own
    PhotoUser.settings, PhotoUser.recorder = settings, Recorder(settings.record)
    threading.Thread(target=_sample, args=(environment,), daemon=True).start()


def _sample(environment: Environment) -> None:
    psutil.cpu_percent()  # the first answer says nothing
    while True:
        due = time.monotonic() + 1
        time.sleep(1)
        cores = round(psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1), 2)
        users = environment.runner.user_count if environment.runner else 0
        PhotoUser.recorder.write(Sample(PhotoUser.recorder.now(), users, round(time.monotonic() - due, 4), cores))


def _note(
    name: str, response_time: float, response: FastResponse, context: dict[str, str], exception: object, **_: object
) -> None:
    seconds, call = response_time / 1000, name.partition(",")[0]
    failure = f"{response.status_code or type(exception).__name__}"
    outcome = context.get("outcome") or (failure if exception else ANSWERED)
    PhotoUser.recorder.write(Call(round(PhotoUser.recorder.now() - seconds, 4), call, round(seconds, 5), outcome))


def _fault(exception: Exception, **_: object) -> None:
    PhotoUser.recorder.write(Fault(PhotoUser.recorder.now(), f"{type(exception).__name__}: {exception}"))


def _stop(**_: object) -> None:
    PhotoUser.recorder.write(Stopped(PhotoUser.recorder.now(), round(time.process_time(), 2)))
    PhotoUser.recorder.close()


_LISTENERS: tuple[tuple[EventHook, Callable[..., None]], ...] = (
    (events.init_command_line_parser, _options),
    (events.init, _start),
    (events.request, _note),
    (events.user_error, _fault),
    (events.quit, _stop),
)
for _hook, _listener in _LISTENERS:
    _hook.add_listener(_listener)  # type: ignore[no-untyped-call]
