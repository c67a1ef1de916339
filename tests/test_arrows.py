"""The project's import arrows, read off the source: who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from limner.settings import PROJECT_ROOT

PACKAGES = frozenset(
    {"backends", "cli", "ensemble", "export", "gateway", "limner", "model_repository", "perf", "serving"}
)

MAY_IMPORT = {
    "limner": set(),
    "ensemble": {"limner"},
    "backends": {"limner"},
    "export": {"limner"},
    "gateway": {"limner"},
    "serving": {"backends", "limner", "model_repository"},
    "model_repository": {"ensemble", "limner"},
    "perf": PACKAGES - {"cli"},
    "cli": PACKAGES,
}
"""Of the project, beside itself. Whoever lies outside these folders and `tests` may import all but `cli`."""

HEAVY = frozenset({"torch", "onnx"})
"""What only `export` may import: a serving host does without."""

SKIPPED = frozenset({"node_modules", "build", "dist"})


def imported(source: str, module: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every import in ``source``, of literal ``import_module`` calls too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [module.parts[0] if node.level else node.module or ""]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            names = [str(node.args[0].value)] if called in {"import_module", "__import__"} else []
        else:
            continue
        for name in names:
            yield node.lineno, name.partition(".")[0]


def violations(source: str, module: Path) -> list[str]:
    """What ``source`` imports but may not, were it the file ``module`` (relative to the project's root)."""
    owner = module.parts[0]
    if owner == "tests":
        return []
    forbidden = PACKAGES - MAY_IMPORT.get(owner, PACKAGES - {"cli"}) - {owner} | {"tests"}
    if owner != "export":
        forbidden |= HEAVY
    return [f"{module}:{line} imports {name}" for line, name in imported(source, module) if name in forbidden]


def source_files() -> list[Path]:
    """Every Python file of the project, relative to its root."""
    folders = [path for path in PROJECT_ROOT.iterdir() if path.is_dir() and path.name[0] != "."]
    files = [*PROJECT_ROOT.glob("*.py"), *(file for folder in folders for file in folder.rglob("*.py"))]
    relative = (file.relative_to(PROJECT_ROOT) for file in files)
    return sorted(file for file in relative if not SKIPPED.intersection(file.parts))


def test_every_import_follows_the_arrows() -> None:
    files = source_files()
    assert {file.parts[0] for file in files} >= {"limner", "ensemble", "gateway", "model_repository", "serving"}
    assert [problem for file in files for problem in violations((PROJECT_ROOT / file).read_text("utf-8"), file)] == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("limner/options.py", "import ensemble"),
        ("ensemble/decode.py", "from gateway.triton import TritonClient"),
        ("ensemble/decode.py", "from model_repository import step_model"),
        ("gateway/app.py", "from ensemble.decode import decode_photo"),
        ("gateway/app.py", "def later():\n    import export.run"),
        ("gateway/app.py", "import serving"),
        ("gateway/app.py", "import cli.main"),
        ("backends/openvino/model.py", "import ensemble.tile"),
        ("export/run.py", "import serving.locate"),
        ("serving/supervisor.py", "import importlib\nimportlib.import_module('export.run')"),
        ("serving/supervisor.py", "if TYPE_CHECKING:\n    from ensemble.photo import Photo"),
        ("serving/supervisor.py", "from gateway import app"),
        ("serving/supervisor.py", "import torch.nn"),
        ("model_repository/decode_image/1/model.py", "from backends import dtypes"),
        ("perf/load.py", "from cli.main import main"),
        ("perf/load.py", "from onnx import helper"),
        ("setup.py", "import cli"),
        ("cli/main.py", "from tests.gateway import conftest"),
    ],
)
def test_a_planted_violation_is_found(module: str, source: str) -> None:
    (problem,) = violations(source, Path(module))
    assert problem.startswith(f"{module}:")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ensemble/decode.py", "from limner.errors import DamagedImage"),
        ("ensemble/decode.py", "from . import photo\nfrom .photo import Photo"),
        ("export/run.py", "import torch, onnx"),
        ("backends/onnxruntime/network.py", "import onnxruntime"),
        ("model_repository/decode_image/1/model.py", "from model_repository.step_model import StepModel"),
        ("cli/main.py", "import gateway, serving, export, limner"),
        ("tests/ensemble/test_decode.py", "import torch, cli, ensemble"),
    ],
)
def test_a_lawful_import_is_not_accused(module: str, source: str) -> None:
    assert violations(source, Path(module)) == []
