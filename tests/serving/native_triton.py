"""An installed Triton, laid out as NVIDIA's container has it: what is in it is the embedded server's."""

from __future__ import annotations

import shutil
from pathlib import Path

from serving.locate import locate_triton


def lay_out(home: Path) -> Path:
    """Fill ``home`` as ``/opt/tritonserver`` is: the program, its libraries, and a backend ``python`` with its stub."""
    embedded = locate_triton()
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "tritonserver").symlink_to(embedded.server)
    (home / "lib").mkdir()
    for library in embedded.libraries.iterdir():
        (home / "lib" / library.name).symlink_to(library)
    assert embedded.libpython is not None  # a container has it where the loader looks
    (home / "lib" / embedded.libpython.name).symlink_to(embedded.libpython)
    shutil.copytree(embedded.python_backend, home / "backends" / "python")
    shutil.copy2(embedded.stub, home / "backends" / "python")
    return home
