"""OpenVINO and NNCF report their use over the network unless they are kept from it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from limner.settings import PROJECT_ROOT


@pytest.mark.parametrize("module", ["backends.openvino.network", "export.precision.openvino_ir"])
def test_importing_openvino_reports_nothing(module: str) -> None:
    check = f"import sys, {module}; print(sys.modules['openvino_telemetry'])"
    command = [sys.executable, "-c", check]
    done = subprocess.run(command, check=False, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "None", done.stderr
