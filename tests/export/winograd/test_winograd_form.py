"""The form for Limner's own kernel: kept where it passes the gate, told where it does not or cannot be made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.precision.forms import Forms
from export.precision.gate import Limits, Outputs
from export.precision.samples import evaluation_inputs
from export.precisions import Precision
from export.winograd import form
from export.winograd.form import RECIPE, add_winograd
from limner.errors import ExportError
from limner.rrdb import LIBRARY_FILE, WEIGHTS_FILE, RrdbNetwork
from tests.export.small_networks import small_graph
from tests.export.winograd.small_rrdb import graph, in_fp32, library, require_kernel, spec_of, weights

SPEC = spec_of(4)
PASSED: dict[str, object] = {"recipe": "NNCF's", "passed": True}
REFUSED: dict[str, object] = {"recipe": "NNCF's", "passed": False}
NAMES = {WEIGHTS_FILE, LIBRARY_FILE}


@pytest.fixture(scope="module")
def references() -> tuple[Outputs, ...]:
    return tuple((in_fp32(4, np.asarray(picture, np.uint8)),) for (picture,) in evaluation_inputs(SPEC))


@pytest.fixture
def made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quantised and compiled as ever, but once for all tests."""
    require_kernel()
    monkeypatch.setattr(form, "quantise", lambda *_: weights(4))
    monkeypatch.setattr(form, "build_kernel", lambda target: target.write_bytes(library()))


def test_it_is_added_to_int8_of_openvino(references: tuple[Outputs, ...], made_once: None, tmp_path: Path) -> None:
    forms = add_winograd(SPEC, graph(4), Forms("int8", (PASSED,), references=references), tmp_path)
    assert (forms.precision, forms.reason) == ("int8", None)
    ours, theirs = forms.quality
    assert theirs == PASSED, "what is read of the last entry is what openvino serves"
    assert (ours["recipe"], ours["file"], ours["passed"], ours["pictures"]) == (RECIPE, WEIGHTS_FILE, True, 8)
    figures: Any = ours["figures"]
    assert set(figures) == {"psnr_mean", "psnr_worst", "ssim"}
    assert {file.name for file in tmp_path.iterdir()} == NAMES
    picture = np.asarray(evaluation_inputs(SPEC)[0][0], np.uint8)[0]
    assert RrdbNetwork(tmp_path / WEIGHTS_FILE).run(picture, 2).shape == (512, 512, 3)


def test_it_makes_int8_of_what_nncf_could_not_bring_through(
    references: tuple[Outputs, ...], made_once: None, tmp_path: Path
) -> None:
    forms = add_winograd(SPEC, graph(4), Forms("fp32", (REFUSED,), "INT8 did not pass.", references), tmp_path)
    assert (forms.precision, forms.reason) == ("int8", None)
    assert [(entry["recipe"], entry["passed"]) for entry in forms.quality] == [("NNCF's", False), (RECIPE, True)]
    assert {file.name for file in tmp_path.iterdir()} == NAMES


@pytest.mark.parametrize(("precision", "entry"), [("int8", PASSED), ("fp32", REFUSED)])
def test_what_fails_the_gate_is_not_kept(
    precision: Precision,
    entry: dict[str, object],
    references: tuple[Outputs, ...],
    made_once: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(form, "LIMITS", {"background": Limits({"psnr_mean": 99.0})})
    before = Forms(precision, (entry,), "why", references)
    after = add_winograd(SPEC, graph(4), before, tmp_path)
    assert (after.precision, after.reason, after.quality[-1]) == (precision, "why", entry)
    assert (after.quality[0]["passed"], after.quality[0]["limits"]) == (False, {"psnr_mean": 99.0})
    assert not list(tmp_path.iterdir())


def test_on_other_cpus_the_reason_is_told(tmp_path: Path) -> None:
    forms = add_winograd(SPEC, graph(4), Forms("int8", (PASSED,)), tmp_path, "This CPU has AMX.")
    assert forms.quality[0] == {"recipe": RECIPE, "file": WEIGHTS_FILE, "passed": False, "reason": "This CPU has AMX."}
    assert forms.quality[1:] == (PASSED,)
    assert not list(tmp_path.iterdir())


def test_a_failed_compile_does_not_fail_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(target: Path) -> None:
        raise ExportError("The compiler is missing.")

    monkeypatch.setattr(form, "quantise", lambda *_: b"weights")
    monkeypatch.setattr(form, "build_kernel", fail)
    forms = add_winograd(SPEC, graph(4), Forms("int8", (PASSED,)), tmp_path)
    assert forms.precision == "int8"
    assert forms.quality[0]["reason"] == "The compiler is missing."
    assert not list(tmp_path.iterdir())


def test_a_kernel_that_does_not_run_here_does_not_fail_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "quantise", lambda *_: b"weights")
    monkeypatch.setattr(form, "build_kernel", lambda target: target.write_bytes(b"no library"))
    forms = add_winograd(SPEC, graph(4), Forms("int8", (PASSED,)), tmp_path)
    assert "librrdb.so cannot be loaded" in str(forms.quality[0]["reason"])
    assert not list(tmp_path.iterdir())


def test_an_rrdbnet_of_other_widths_keeps_its_other_forms(tmp_path: Path) -> None:
    forms = add_winograd(SPEC, small_graph("rrdbnet"), Forms("int8", (PASSED,)), tmp_path)
    assert "64 features and 32 growth channels" in str(forms.quality[0]["reason"])
    assert not list(tmp_path.iterdir())
