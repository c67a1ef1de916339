"""The catalogue that a server runs with tells the precision of the files that it runs, not of those beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from export.manifest import MANIFEST_FILE, Manifest
from export.winograd.form import RECIPE
from limner.catalog import CATALOG_FILE, Catalog, CatalogEntry
from limner.rrdb import LIBRARY_FILE, WEIGHTS_FILE
from serving.assemble import assemble
from serving.locate import TritonInstallation

KERNEL = {"recipe": RECIPE, "file": WEIGHTS_FILE}
REFUSED, PASSED = {"recipe": "NNCF's", "passed": False}, {"recipe": "NNCF's", "passed": True}
ENTRIES = (
    CatalogEntry("detector", "retinaface", "mobilenet", True, precision="fp32", source="a package", licence="MIT"),
    CatalogEntry("parser", "parsenet", "ParseNet", True, precision="fp16"),
    CatalogEntry("background", "realesrgan_x4", "RealESRGAN_x4plus", True, precision="int8", sha256="0a", custom=True),
    CatalogEntry("background", "realesrgan_x2", "RealESRGAN_x2plus", True, precision="int8"),
    CatalogEntry("background", "swinir_m_x4", "SwinIR-M", False, reason="It has not been exported."),
)
ONLY_THE_KERNEL_PASSED, BOTH_PASSED = "realesrgan_x4", "realesrgan_x2"


def manifest(model: str, *quality: dict[str, object]) -> str:
    return Manifest(
        model=model,
        role="background",
        variant="RealESRGAN_x4plus",
        version="1",
        precision="int8",
        requested="auto",
        precision_reason=None,
        opset=18,
        inputs=[],
        outputs=[],
        source={},
        custom=False,
        files=[],
        parity=[],
        quality=list(quality),
        tools={},
        created="2026-11-28T00:00:00+00:00",
        fingerprint="",
    ).to_json()


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A folder of exported models; what the quality of each INT8 is, and in which order, ``export.winograd`` tells."""
    folder = tmp_path / "models"
    for entry in ENTRIES:
        (folder / entry.model / "1").mkdir(parents=True)
    first = manifest(ONLY_THE_KERNEL_PASSED, REFUSED, KERNEL | {"passed": True})
    (folder / ONLY_THE_KERNEL_PASSED / MANIFEST_FILE).write_text(first)
    (folder / BOTH_PASSED / MANIFEST_FILE).write_text(manifest(BOTH_PASSED, KERNEL | {"passed": True}, PASSED))
    (folder / CATALOG_FILE).write_text(Catalog.of(ENTRIES).to_json())
    return folder


def served(exported: Path, profile: str = "cpu", *, winograd: bool = True) -> Catalog:
    """The catalogue in the folder that a server would run from; it is not started."""
    backend = exported.parent / "pytriton" / "python"
    backend.mkdir(parents=True)
    installation = TritonInstallation(backend, backend, backend, backend / "stub", backend)
    folder = assemble(exported.parent / "run", installation, exported, profile, winograd=winograd)
    catalog = Catalog.load(folder.models / CATALOG_FILE)
    folder.remove()
    return catalog


def in_fp32(*models: str) -> Catalog:
    return Catalog.of(replace(entry, precision="fp32") if entry.model in models else entry for entry in ENTRIES)


def test_without_the_kernel_it_is_that_of_openvinos_file(exported: Path) -> None:
    assert served(exported, winograd=False) == in_fp32(ONLY_THE_KERNEL_PASSED)
    assert Catalog.load(exported / CATALOG_FILE) == Catalog.of(ENTRIES), "what was exported stays as it is"


def test_with_a_kernel_that_does_not_load_too(exported: Path) -> None:
    for name in (WEIGHTS_FILE, LIBRARY_FILE):
        (exported / ONLY_THE_KERNEL_PASSED / "1" / name).write_bytes(b"damaged")
    assert served(exported) == in_fp32(ONLY_THE_KERNEL_PASSED)


def test_with_the_kernel_it_is_the_kernels(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.assemble.can_use_winograd", lambda model, _: model.name.startswith("realesrgan"))
    assert served(exported) == Catalog.of(ENTRIES)


def test_on_a_gpu_nothing_is_int8(exported: Path) -> None:
    assert served(exported, "gpu", winograd=False) == in_fp32(ONLY_THE_KERNEL_PASSED, BOTH_PASSED)


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"quality": []}', '{"quality": ["?"]}'])
def test_a_manifest_that_cannot_be_read_changes_nothing(exported: Path, text: str | None) -> None:
    file = exported / ONLY_THE_KERNEL_PASSED / MANIFEST_FILE
    file.unlink() if text is None else file.write_text(text)
    assert served(exported, winograd=False) == Catalog.of(ENTRIES)
