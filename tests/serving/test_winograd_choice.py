"""When Limner's own kernel serves in OpenVINO's place, and that it does so in the embedded server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as triton
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from limner.catalog import CATALOG_FILE, Catalog, CatalogEntry
from limner.errors import ServingError
from limner.rrdb import LIBRARY_FILE, WEIGHTS_FILE
from limner.settings import Settings
from serving.assemble import assemble
from serving.locate import TritonInstallation
from serving.process import Endpoint, free_port
from serving.supervisor import Supervisor
from serving.winograd import wants_winograd
from tests.export.winograd.small_rrdb import in_fp32, require_kernel, tiles, write_version

ZEN4 = frozenset(["avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512_vnni"])


@pytest.fixture
def installation(tmp_path: Path) -> TritonInstallation:
    """A server that is not started: assembling only copies and links its parts."""
    backend = tmp_path / "pytriton" / "python"
    backend.mkdir(parents=True)
    return TritonInstallation(backend, backend, backend, backend / "stub", backend)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A folder of exported models with both upscalers in it, made for the kernel; OpenVINO's files are left out."""
    require_kernel()
    folder = tmp_path / "data" / "models"
    for scale in (4, 2):
        write_version(folder / f"realesrgan_x{scale}" / "1", scale)
    entries = (
        CatalogEntry("background", f"realesrgan_x{scale}", f"RealESRGAN_x{scale}plus", True, precision="int8")
        for scale in (4, 2)
    )
    (folder / CATALOG_FILE).write_text(Catalog.of(entries).to_json())
    return folder


def backends(exported: Path, installation: TritonInstallation, *, winograd: bool = True) -> dict[str, str]:
    """Which backend each upscaler would be served by in the profile ``cpu``."""
    folder = assemble(exported.parent / "run", installation, exported, "cpu", winograd=winograd)
    configs = {name: folder.models / name / "configs" / "cpu.pbtxt" for name in ("realesrgan_x4", "realesrgan_x2")}
    return {
        name: text_format.Parse(path.read_text("utf-8"), model_config_pb2.ModelConfig()).backend
        for name, path in configs.items()
    }


def test_what_was_exported_for_the_kernel_is_served_by_it(exported: Path, installation: TritonInstallation) -> None:
    assert backends(exported, installation) == {"realesrgan_x4": "winograd", "realesrgan_x2": "winograd"}


def test_it_is_not_where_it_is_not_wanted(exported: Path, installation: TritonInstallation) -> None:
    assert set(backends(exported, installation, winograd=False).values()) == {"openvino"}


@pytest.mark.parametrize("missing", [WEIGHTS_FILE, LIBRARY_FILE])
def test_without_one_of_its_files_openvino_serves(
    missing: str, exported: Path, installation: TritonInstallation, caplog: pytest.LogCaptureFixture
) -> None:
    (exported / "realesrgan_x4" / "1" / missing).unlink()
    assert backends(exported, installation) == {"realesrgan_x4": "openvino", "realesrgan_x2": "winograd"}
    assert not caplog.records, "an export for other CPUs is no fault"


def test_with_a_damaged_file_openvino_serves_and_it_is_said(
    exported: Path, installation: TritonInstallation, caplog: pytest.LogCaptureFixture
) -> None:
    weights = exported / "realesrgan_x4" / "1" / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:-64])
    assert backends(exported, installation) == {"realesrgan_x4": "openvino", "realesrgan_x2": "winograd"}
    assert "realesrgan_x4 is served by OpenVINO instead of Limner's own kernel: model.rrdb is damaged" in caplog.text


def test_with_a_kernel_of_another_version_openvino_serves(
    exported: Path, installation: TritonInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner.rrdb.ABI", 2)
    assert set(backends(exported, installation).values()) == {"openvino"}


@pytest.mark.parametrize(
    ("settings", "flags", "wanted"),
    [
        ({}, ZEN4, True),
        ({"winograd": "off"}, ZEN4, False),
        ({"profile": "gpu"}, ZEN4, False),
        ({}, ZEN4 | {"amx_int8"}, False),
        ({}, ZEN4 - {"avx512_vnni"}, False),
        ({}, frozenset(), False),
    ],
)
def test_settings_and_cpu_decide(settings: dict[str, str], flags: frozenset[str], wanted: bool) -> None:
    assert wants_winograd(Settings(**settings), flags) is wanted  # type: ignore[arg-type]


def test_the_kernels_configuration_is_no_profile(exported: Path, installation: TritonInstallation) -> None:
    with pytest.raises(ServingError, match=r"Available: cpu, gpu, tensorrt\."):
        assemble(exported.parent / "run", installation, exported, "npu")


def test_the_embedded_server_answers_with_the_kernel(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.supervisor.wants_winograd", lambda _: True)  # on CPUs with AMX, too
    endpoint = Endpoint(free_port(), free_port(), open_apis=True)
    picture = tiles(1, 24, 40)
    query = triton.InferInput("TILE", list(picture.shape), "UINT8")
    query.set_data_from_numpy(picture)
    with Supervisor(Settings(data=exported.parent), endpoint), triton.InferenceServerClient(endpoint.url) as client:
        assert client.get_model_config("realesrgan_x2").config.backend == "winograd"
        result = client.infer("realesrgan_x2", [query]).as_numpy("UPSCALED")
    expected = in_fp32(2, picture)
    assert result.shape == expected.shape
    assert np.abs(result.astype(int) - expected).mean() < 2
