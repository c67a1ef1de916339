"""A gateway as a process of its own: ``limner serve`` in front of a Triton server elsewhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from limner.settings import PROJECT_ROOT
from serving.process import free_port

SECONDS = 60.0


class Replica:
    """``limner serve`` in front of a Triton server elsewhere."""

    def __init__(self, triton_url: str, log: Path, **settings: str) -> None:
        self.port = free_port()
        environment = {
            **os.environ,
            "LIMNER_PORT": str(self.port),
            "LIMNER_TRITON_URL": triton_url,
            "LIMNER_RATE_LIMIT": "off",
            "LIMNER_SHUTDOWN_TIMEOUT": "2",
            **settings,
        }
        self.log = log
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "serve"],
                cwd=PROJECT_ROOT,
                env=environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    def wait(self) -> Replica:
        """Until it answers."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log.read_text()
            try:
                if self.client.get("/healthz").status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        self.client.close()
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(30)

    def gauge(self, name: str) -> float:
        """A metric without labels, as ``/metrics`` tells it."""
        families = text_string_to_metric_families(self.client.get("/metrics").text)
        (value,) = (sample.value for family in families for sample in family.samples if sample.name == name)
        return float(value)

    def submit(self, photo: bytes, fields: dict[str, str]) -> str:
        answer = self.client.post("/v1/photos", files={"file": ("a.png", photo)}, data=fields)
        assert answer.status_code == 202, answer.text
        task_id: str = answer.json()["task_id"]
        return task_id

    def state(self, task_id: str) -> dict[str, Any]:
        state: dict[str, Any] = self.client.get(f"/v1/photos/{task_id}").json()
        return state

    def until(self, task_id: str, *statuses: str) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            state = self.state(task_id)
            if state["status"] in statuses:
                return state
            time.sleep(0.05)
        raise AssertionError(state)
