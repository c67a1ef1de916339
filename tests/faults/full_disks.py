"""A fault of its own: the disks are full, and so is the shared memory through which photos go.

They are small file systems that this program alone sees, in a mount namespace: it starts itself again there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from limner.settings import PROJECT_ROOT, Settings
from tests.faults.catalogue import DISKS_FULL
from tests.faults.drill import Drill, drill
from tests.faults.load import Tally, expected_results
from tests.faults.site import running_site

_SHARED = "512m"
_DISK = "64m"
_SECONDS = 400


def may_mount() -> bool:
    """Whether this user may have file systems of its own; containers often forbid it."""
    return subprocess.run([*_namespace(), "true"], capture_output=True, check=False).returncode == 0


def drill_full_disks(folder: Path) -> Drill:
    """The outcome of :data:`DISKS_FULL`; files lie in ``folder``.

    Raises:
        AssertionError: with the program's words.
    """
    command = [*_namespace(), sys.executable, "-m", "tests.faults.full_disks", str(folder)]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, timeout=_SECONDS, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    tally = {name: Counter(value) if isinstance(value, dict) else value for name, value in told["tally"].items()}
    return Drill(**{**told, "tally": Tally(**tally)})  # type: ignore[arg-type]


def _namespace() -> list[str]:
    return ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--mount", "--propagation", "private"]


def _mount(place: Path, size: str) -> Path:
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=True)
    return place


def _main(folder: Path) -> None:
    models = Settings().models_dir
    disks = (_mount(Path("/dev/shm"), _SHARED), _mount(folder / "data", _DISK), _mount(folder / "temporary", _DISK))
    os.environ["LIMNER_DATA"], os.environ["TMPDIR"] = str(disks[1]), str(disks[2])
    (disks[1] / "models").symlink_to(models)
    with running_site(folder, disks) as site:
        outcome = drill(site, DISKS_FULL, expected_results(site))
    print(json.dumps(outcome.figures()))  # noqa: T201 - read by whoever started this


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
