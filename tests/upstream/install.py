"""Makes ``.venv-upstream``: the upstream packages that tests compare with, kept out of Limner's own environment.

    python -m tests.upstream.install

Their metadata asks for packages that clash with each other and with today's torchvision, so they are installed
without dependencies, beside those that their inference code imports. Run again, it does nothing when it is done.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from export.environment import install_torch  # noqa: E402
from export.progress import Reporter  # noqa: E402
from limner.errors import LimnerError  # noqa: E402

ENVIRONMENT = ROOT / ".venv-upstream"
PYTHON = ENVIRONMENT / "bin" / "python"
DONE = ENVIRONMENT / "installed.txt"

BUILD = ("setuptools==69.5.1", "wheel==0.45.1", "cython==3.1.2")
IMPORTED = (
    "numpy==1.26.4",
    "opencv-python-headless==4.11.0.86",
    "scipy==1.15.3",
    "scikit-image==0.25.2",
    "lmdb==1.6.2",
    "numba==0.61.2",
    "pillow",
    "pyyaml",
    "requests",
    "tqdm",
    "yapf",
    "future",
    "addict",
)
TORCHVISION = ("torchvision==0.28.0",)
UPSTREAM = (
    "filterpy==1.4.5",
    "basicsr==1.4.2",
    "facexlib==0.3.0",
    "gfpgan==1.3.8",
    "realesrgan==0.3.0",
    # CodeFormer's own code, unchanged but for the name of its imports; its authors publish no package.
    "codeformer-pip==0.0.4",
)


def contents() -> str:
    """What the finished environment holds; a change makes it again."""
    return "\n".join((*BUILD, *IMPORTED, *TORCHVISION, *UPSTREAM)) + "\n"


def is_installed() -> bool:
    """Whether the environment is there and holds what this file asks for."""
    return DONE.is_file() and DONE.read_text("utf-8") == contents() and PYTHON.exists()


def install(reporter: Reporter) -> None:
    """Make the environment. Needs pip to reach a package index."""
    reporter.line(f"Making {ENVIRONMENT.name} with the upstream packages to compare with; this takes some minutes.")
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    _pip(*BUILD)
    install_torch(str(PYTHON), reporter)
    _pip(*IMPORTED)
    _pip("--no-deps", *TORCHVISION)
    _pip("--no-deps", "--no-build-isolation", *UPSTREAM)
    DONE.write_text(contents(), "utf-8")


def _pip(*arguments: str) -> None:
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)


def main() -> int:
    """Exit status: without the environment, tests that need it are skipped by name, or fail where none may be."""
    if is_installed():
        return 0
    reporter = Reporter()
    try:
        install(reporter)
    except (subprocess.CalledProcessError, LimnerError) as error:
        reporter.line(f"{ENVIRONMENT.name} could not be made: {error}")
        return int(os.environ.get("LIMNER_REQUIRE_ALL") == "1")
    return 0


if __name__ == "__main__":
    sys.exit(main())
