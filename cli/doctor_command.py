"""``limner doctor``: what is installed, what is missing, what to do."""

from __future__ import annotations

import contextlib
import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import click
import psutil

from gateway.web import DIST
from limner.catalog import CATALOG_FILE, ROLES, Catalog, DamagedCatalog
from limner.cpu import usable_cores
from limner.errors import LimnerError, ServingError, SettingsError
from limner.gpu import has_gpu
from limner.settings import Settings, get_settings
from serving.gpu_packages import check_profile
from serving.locate import locate_triton
from serving.process import require_free_port

_SIGNS = {"ok": "✓", "note": "·", "missing": "✗"}
_SERVING_PACKAGES = ("numpy", "openvino", "opencv-python-headless", "pillow", "tritonclient", "fastapi")
_SHM = Path("/dev/shm")  # noqa: S108
_SHM_BYTES = 1 << 30
_MEMORY_BYTES = 3 << 30


@dataclass(frozen=True)
class Finding:
    """One line: ``missing`` keeps Limner from running, ``note`` does not."""

    state: Literal["ok", "note", "missing"]
    text: str


@click.command()
def doctor() -> None:
    """Check this machine and this installation; exit code 1 where something needed is missing."""
    findings = [finding for check in _CHECKS for finding in check()]
    for finding in findings:
        click.echo(f"{_SIGNS[finding.state]} {finding.text}")
    if any(finding.state == "missing" for finding in findings):
        sys.exit(1)
    click.echo("Everything needed is here.")


def _check_python() -> list[Finding]:
    running = platform.python_version()
    fits = (3, 10) <= sys.version_info < (3, 13)
    return [
        Finding("ok" if fits else "missing", f"Python {running}" + ("" if fits else "; Limner needs 3.10 to 3.12."))
    ]


def _check_packages() -> list[Finding]:
    findings = []
    for package in _SERVING_PACKAGES:
        try:
            findings.append(Finding("ok", f"{package} {version(package)}"))
        except PackageNotFoundError:
            findings.append(Finding("missing", f"{package} is not installed; run `make serve`."))
    findings.append(_onnxruntime())
    if not findings[0].text.startswith("numpy 1."):
        findings[0] = Finding(
            "missing", f"{findings[0].text}: Triton's Python stub needs numpy 1.26; run `make serve`."
        )
    torch = importlib.util.find_spec("torch") is not None
    text = f"torch {version('torch')}" if torch else "torch is not installed; an export installs it"
    return [*findings, Finding("ok" if torch else "note", f"{text} (for exports only)")]


def _onnxruntime() -> Finding:
    """Two packages bring it: one for CPUs, and one for GPUs too."""
    for package in ("onnxruntime-gpu", "onnxruntime"):
        with contextlib.suppress(PackageNotFoundError):
            return Finding("ok", f"{package} {version(package)}")
    return Finding("missing", "onnxruntime is not installed; run `make serve`.")


def _check_triton() -> list[Finding]:
    try:
        home = get_settings().triton_home
    except SettingsError:
        return []  # _check_settings tells it
    try:
        installation = locate_triton(home)
    except LimnerError as error:
        return [Finding("missing", error.message)]
    if installation.libpython is None:
        return [Finding("ok", f"Triton server {installation.server}")]
    return [
        Finding("ok", f"Triton server (nvidia-pytriton {version('nvidia-pytriton')})"),
        Finding("ok", f"{installation.libpython.name}"),
    ]


def _check_page() -> list[Finding]:
    if (DIST / "index.html").is_file():
        return [Finding("ok", "the page is built")]
    return [Finding("note", "The page is not built; `make page` does it. The API works without it.")]


def _check_machine() -> list[Finding]:
    flags = _cpu_flags()
    speed = (
        "with AVX-512 VNNI" if "avx512_vnni" in flags else "with AVX-VNNI" if "avx_vnni" in flags else "without VNNI"
    )
    memory, shared = psutil.virtual_memory().total, shutil.disk_usage(_SHM).total
    findings = [
        Finding("ok", f"{usable_cores()} CPU cores {speed}"),
        Finding("ok" if memory >= _MEMORY_BYTES else "note", f"{memory / 2**30:.1f} GiB of memory"),
        Finding("ok", "GPU driver found" if has_gpu() else "no GPU: the CPU profile is used"),
    ]
    if shared < _SHM_BYTES:
        findings.append(
            Finding(
                "note",
                f"{_SHM} has {shared / 2**20:.0f} MiB; large photos need 1 GiB (in a container: --shm-size=1g).",
            )
        )
    return findings


def _check_settings() -> list[Finding]:
    try:
        settings = get_settings()
    except SettingsError as error:
        return [Finding("missing", error.message)]
    return [*_check_profile(settings), *_check_ports(settings), *_check_models(settings)]


def _check_profile(settings: Settings) -> list[Finding]:
    """A server elsewhere is not looked at."""
    if settings.triton_url is not None:
        return []
    try:
        check_profile(settings.profile)
    except ServingError as error:
        return [Finding("missing", error.message)]
    return [Finding("ok", f"LIMNER_PROFILE={settings.profile} can be served here")]


def _check_ports(settings: Settings) -> list[Finding]:
    findings = []
    for host, port, variable in (
        (settings.host, settings.port, "LIMNER_PORT"),
        ("127.0.0.1", settings.triton_grpc_port, "LIMNER_TRITON_GRPC_PORT"),
        ("127.0.0.1", settings.triton_metrics_port, "LIMNER_TRITON_METRICS_PORT"),
    ):
        try:
            require_free_port(host, port, variable)
        except SettingsError as error:
            findings.append(Finding("note", f"{error.message} (Is Limner running?)"))
    return findings


def _check_models(settings: Settings) -> list[Finding]:
    path = settings.models_dir / CATALOG_FILE
    if not path.is_file():
        return [Finding("note", "No models exported yet; `limner export` or `make serve` does it.")]
    try:
        catalog = Catalog.load(path)
    except DamagedCatalog as error:
        return [Finding("missing", error.message)]
    findings = []
    for role in ROLES:
        best = next(iter(catalog.available(role)), None)
        if best is None:
            findings.append(Finding("note", f"{role}: off. {catalog.reason(role)}"))
        else:
            findings.append(Finding("ok", f"{role}: {best.variant}, {best.precision}, from {best.source}"))
    return findings


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


_CHECKS: tuple[Callable[[], list[Finding]], ...] = (
    _check_python,
    _check_packages,
    _check_triton,
    _check_page,
    _check_machine,
    _check_settings,
)
