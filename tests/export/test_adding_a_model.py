"""``docs/adding-a-model.md`` works: its blocks, put into a copy of the project, are a model that exports and serves."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from limner.settings import PROJECT_ROOT
from tests.upstream.install import is_installed

TEXT = (PROJECT_ROOT / "docs" / "adding-a-model.md").read_text("utf-8")
TABLES = {
    "ARCHITECTURES": ("export/architectures/__init__.py", "ARCHITECTURES: dict[str, Registered] = {\n"),
    "WEIGHTS": ("export/registry.py", "WEIGHTS: tuple[WeightFile, ...] = (\n"),
    "MODELS": ("export/models.py", "MODELS: tuple[ModelSpec, ...] = (\n"),
}
COPIED = ("backends", "cli", "export", "limner", "perf", "requirements", "tests", "pyproject.toml")

COMPARE = """
import sys
from pathlib import Path
import numpy as np, torch
from export.architectures import sharpener
from perf.served import ServedModel
folder = Path(sys.argv[1])
graph = sharpener.served(sharpener.build(sharpener.seeded_state(0, {}), "test"))
tile = np.random.default_rng(1).integers(0, 256, (1, 21, 34, 3), np.uint8)
served = ServedModel("sharpener", folder, "1", "model.xml").infer({"TILE": tile})["SHARPENED"]
with torch.inference_mode():
    (exact,) = graph.exact(torch.from_numpy(tile))
assert np.ptp(exact.numpy()) > 50 and not np.array_equal(served, tile)
assert np.abs(served - exact.numpy()).max() <= 0.75, np.abs(served - exact.numpy()).max()
"""


def blocks() -> dict[str, str]:
    """The code of the page by the name in its first line."""
    found = re.findall(r"```(?:python|protobuf)\n# (\S+)\n(.*?)```", TEXT, re.DOTALL)
    assert len(found) == TEXT.count("```python") + TEXT.count("```protobuf")
    return dict(found)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the page's model in it."""
    root = tmp_path_factory.mktemp("project")
    for name in COPIED:
        source = PROJECT_ROOT / name
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, root / name, ignore=ignored) if source.is_dir() else shutil.copy(source, root)
    if is_installed():
        (root / ".venv-upstream").symlink_to(PROJECT_ROOT / ".venv-upstream")
    for name, text in blocks().items():
        if name in TABLES:
            file, opening = TABLES[name]
            content = (root / file).read_text("utf-8")
            assert content.count(opening) == 1
            (root / file).write_text(content.replace(opening, opening + text), "utf-8")
        else:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, "utf-8")
    return root


def python(project: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_model_of_the_page_exports_and_serves(project: Path, tmp_path: Path) -> None:
    python(
        project,
        "-m",
        "cli.main",
        "export",
        "sharpener",
        "--seeded",
        "--precision",
        "fp32",
        "--output",
        tmp_path / "out",
    )
    manifest = json.loads((tmp_path / "out" / "sharpener" / "manifest.json").read_text())
    assert manifest["variant"] == "sharpener"
    assert 0 < manifest["parity"][0]["relative"] < 1e-4
    python(project, "-c", COMPARE, tmp_path / "out" / "sharpener")


def test_test_of_the_page_passes(project: Path) -> None:
    said = python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/export/test_sharpener.py").stdout
    if not is_installed():
        pytest.skip("upstream environment missing: run `make upstream`")
    assert "2 passed" in said


def test_code_of_the_page_is_as_the_project_s(project: Path) -> None:
    files = [name for name in blocks() if name.endswith(".py")]
    options: list[str | Path] = ["--config", PROJECT_ROOT / "pyproject.toml"]
    python(project, "-m", "ruff", "check", *options, *files)
    python(project, "-m", "ruff", "format", "--check", *options, *files)
