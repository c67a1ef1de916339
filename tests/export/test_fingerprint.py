"""What an export depends on is in its fingerprint."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from export import fingerprint
from export.models import model_spec
from export.precisions import Aim
from export.registry import weight_file
from export.weights import seeded
from limner.settings import PROJECT_ROOT

INT8 = Aim("int8", "int8")
WITH_KERNEL = Aim("int8", "int8", no_winograd=None)


def test_every_file_that_makes_a_precision_is_known() -> None:
    """A new file in ``export/precision/`` must be named, or a change there would leave old exports in use."""
    known = {Path(name).name for name in (*fingerprint._SHARED_SOURCES, *fingerprint._PLAN_SOURCES)}
    known |= {name for names in fingerprint._PRECISION_SOURCES.values() for name in names}
    files = {path.name for path in Path(fingerprint.__file__).with_name("precision").glob("*.py")}
    assert files - known - {"__init__.py"} == set()


def test_int8_is_another_for_a_cpu_without_vnni(monkeypatch: pytest.MonkeyPatch) -> None:
    def prints(fast: bool) -> tuple[str, str]:
        monkeypatch.setattr(fingerprint, "runs_int8_fast", lambda: fast)
        x4 = model_spec("realesrgan_x4"), seeded(weight_file("RealESRGAN_x4plus.pth"), 0)
        return fingerprint.fingerprint(*x4, INT8), fingerprint.fingerprint(*x4, Aim("fp32", "fp32"))

    assert prints(True)[0] != prints(False)[0]
    assert prints(True)[1] == prints(False)[1]


@pytest.mark.parametrize("changed", ["kernels/rrdb/winograd.h", "kernels/rrdb/rrdb.cc", "export/winograd/build.py"])
def test_a_change_of_limners_own_kernel_is_a_change_of_what_it_runs(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prints() -> tuple[str, str, str, str]:
        x4, gfpgan = (
            (model_spec(model), seeded(weight_file(file), 0))
            for model, file in (("realesrgan_x4", "RealESRGAN_x4plus.pth"), ("gfpgan", "GFPGANv1.4.pth"))
        )
        return (
            fingerprint.fingerprint(*x4, WITH_KERNEL),
            fingerprint.fingerprint(*x4, INT8),
            fingerprint.fingerprint(*x4, Aim("fp32", "fp32", no_winograd=None)),
            fingerprint.fingerprint(*gfpgan, WITH_KERNEL),
        )

    for folder in ("kernels/rrdb", "export/winograd"):
        shutil.copytree(PROJECT_ROOT / folder, tmp_path / folder)
    monkeypatch.setattr(fingerprint, "PROJECT_ROOT", tmp_path)
    before = prints()
    assert before[0] != before[1]
    with (tmp_path / changed).open("a") as stream:
        stream.write("\n")
    after = prints()
    assert before[0] != after[0]
    assert before[1:] == after[1:]
