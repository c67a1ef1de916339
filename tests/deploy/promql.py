"""What a PromQL expression asks for, and a Prometheus that answers it."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from limner.settings import PROJECT_ROOT
from serving.process import free_port

FOLDER = PROJECT_ROOT / "deploy" / "prometheus"
SECONDS = 30.0

_NO_NAMES = re.compile(
    r'"(?:[^"\\]|\\.)*"'  # strings
    r"|\{[^{}]*\}|\[[^\]]*\]"  # matchers (their strings are gone by then), ranges
    r"|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"
    r"|\boffset\s+\w+"
)
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])")
_WORDS = {"and", "or", "unless", "bool", "by", "without", "on", "ignoring", "inf", "nan", "sum", "max", "min", "avg"}


def metric_names(expr: str) -> set[str]:
    """The metrics that an expression reads."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expr)
    return set(_NAME.findall(_NO_NAMES.sub(" ", bare))) - _WORDS


def rules() -> Iterator[dict[str, Any]]:
    """All rules of the repository."""
    for file in sorted((FOLDER / "rules").glob("*.yml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


class Prometheus:
    """A running one."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """The samples that an expression has now."""
        answer = self._client.post("/query", data={"query": expr}).json()
        assert answer["status"] == "success", f"{expr}: {answer.get('error')}"
        result = answer["data"]["result"]
        return result if isinstance(result, list) else []

    def names(self) -> set[str]:
        """Of all metrics that it has seen."""
        return set(self._client.get("/label/__name__/values").json()["data"])

    def get(self, path: str) -> Any:
        return self._client.get(path).json()["data"]


@contextmanager
def running(program: str, folder: Path, targets: dict[str, str], key: str) -> Iterator[Prometheus]:
    """The program with the repository's configuration, which scrapes ``targets``, addresses by job, once a second.

    Changed are but the addresses, the paths and how often is scraped; ``key`` is that of the gateway.
    """
    port = free_port()
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(_with_short_intervals(file, folder)) for file in (FOLDER / "rules").glob("*.yml")]
    del config["alerting"]
    (folder / "key").write_text(key)
    for job in config["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        job["static_configs"] = [{"targets": [targets.get(job["job_name"], f"127.0.0.1:{port}")]}]
        if "authorization" in job:
            job["authorization"]["credentials_file"] = str(folder / "key")
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    arguments = [
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
    try:
        _wait(port, process, folder / "log")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=20) as client:
            yield Prometheus(client)
    finally:
        process.terminate()
        process.wait(20)


def _with_short_intervals(file: Path, folder: Path) -> Path:
    text = yaml.safe_load(file.read_text())
    for group in text["groups"]:
        group["interval"] = "1s"
    copy = folder / file.name
    copy.write_text(yaml.safe_dump(text))
    return copy


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"http://127.0.0.1:{port}/-/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())
