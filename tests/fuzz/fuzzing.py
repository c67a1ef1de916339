"""Runs :mod:`tests.fuzz.engine` on a target and reads what libFuzzer tells of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from limner.settings import PROJECT_ROOT
from tests.fuzz.targets import FAULTY, TARGETS

REGRESSIONS = Path(__file__).parent / "regressions"
"""A folder for each target that had one: inputs that once broke it, as small as they go."""

INPUT_SECONDS = 10
"""A single input that takes longer is a hang."""

_DONE = re.compile(r"#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)")
_MOST_MEMORY = re.compile(r"stat::peak_rss_mb:\s+(\d+)")
_SLOWEST = re.compile(r"stat::slowest_unit_time_sec:\s+(\d+)")
_KINDS = {77: "exception", 70: "hang", 71: "memory"}

_APART = ("/bin/sh", "-c", '"$0" "$@"; exit $?')
"""A program counts the most memory of the one that started it as its own: this shell has little."""


@dataclass(frozen=True)
class Outcome:
    """One run. ``found`` is how it ended: empty, ``exception``, ``hang``, ``memory`` or ``crash``.

    Attributes:
        executions: inputs tried.
        coverage, features: what libFuzzer counts: places of the code, and ways through them.
        memory_mb: at most, the process with all its libraries.
        slowest: whole seconds of the slowest input.
        artifact: the input that broke it.
        text: the exception, or else the end of what was printed.
    """

    target: str
    found: str
    executions: int = 0
    coverage: int = 0
    features: int = 0
    kept: int = 0
    memory_mb: int = 0
    slowest: int = 0
    artifact: bytes = b""
    text: str = ""

    def to_json(self) -> dict[str, object]:
        """The figures, without what a person looks into."""
        return {name: value for name, value in asdict(self).items() if name not in {"artifact", "text"}}


def can_fuzz() -> bool:
    """Whether atheris is there."""
    return find_spec("atheris") is not None


def fuzz(name: str, *, seed: int = 1, runs: int | None = None, seconds: int | None = None) -> Outcome:
    """Run a target on its seeds and regressions, for ``runs`` inputs (its own number by default) or ``seconds``."""
    target = (TARGETS | FAULTY)[name]
    if runs is None and seconds is None:
        runs = target.runs
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for number, data in enumerate((*target.load(name)[0](), *regressions(name))):
            Path(corpus, f"{number:04}").write_bytes(data)
        command = [sys.executable, "-m", "tests.fuzz.engine", name, f"-seed={seed}", f"-max_len={target.longest}"]
        command += [f"-timeout={INPUT_SECONDS}", f"-rss_limit_mb={target.memory_mb}", "-print_final_stats=1"]
        command += [f"-artifact_prefix={folder}/found-", "-use_value_profile=1", "-verbosity=1"]
        command += [f"-runs={runs}"] if seconds is None else [f"-max_total_time={seconds}"]
        # The same inputs at each run; and libtorch looks up the lines of each error's C++ frames, which takes 80 ms.
        settings = {"PYTHONHASHSEED": "0", "TORCH_DISABLE_ADDR2LINE": "1", "TORCH_SHOW_CPP_STACKTRACES": "0"}
        done = subprocess.run(
            [*_APART, *command, str(corpus)],
            cwd=PROJECT_ROOT,
            env=os.environ | settings,
            capture_output=True,
            check=False,
        )
        text = (done.stdout + done.stderr).decode("utf-8", "replace")
        artifacts = sorted(Path(folder).glob("found-*"))
        return _outcome(name, done.returncode, text, artifacts[0].read_bytes() if artifacts else b"")


def regressions(name: str) -> list[bytes]:
    """What once broke a target."""
    return [path.read_bytes() for path in sorted((REGRESSIONS / name).glob("*"))]


def _outcome(name: str, status: int, text: str, artifact: bytes) -> Outcome:
    found = "" if status == 0 else _KINDS.get(status, "crash")
    done = _DONE.search(text)
    executions, coverage, features, kept = map(int, done.groups()) if done else (0, 0, 0, 0)
    memory, slowest = (int(match[1]) if (match := regex.search(text)) else 0 for regex in (_MOST_MEMORY, _SLOWEST))
    told = text[at : at + 4000] if (at := text.find("=== Uncaught")) >= 0 else text[-4000:]
    return Outcome(name, found, executions, coverage, features, kept, memory, slowest, artifact, told)
