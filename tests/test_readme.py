"""What the READMEs tell a newcomer to type works, and the Chinese one says the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from ensemble.photo import UInt8
from limner.settings import PROJECT_ROOT

ENGLISH, CHINESE = (PROJECT_ROOT / name for name in ("README.md", "README.zh.md"))
PAGES = [ENGLISH, CHINESE, *sorted((PROJECT_ROOT / "docs").glob("*.md")), PROJECT_ROOT / "perf/README.md"]


def code_of(page: Path) -> list[str]:
    """Fenced blocks and indented lines."""
    text = page.read_text("utf-8")
    fenced = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return fenced + re.findall(r"^    (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)


def test_python_example_enhances_a_photo(tmp_path: Path, portrait: UInt8, triton_url: str) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", ENGLISH.read_text("utf-8"), re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) <= 20
    Image.fromarray(portrait).save(tmp_path / "photo.jpg")
    arguments = [str(tmp_path / "photo.jpg"), str(tmp_path / "enhanced.jpg"), triton_url]
    run = subprocess.run([sys.executable, "-c", example, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert '"RealESRGAN_x4plus"' in run.stdout
    with Image.open(tmp_path / "enhanced.jpg") as result:
        assert result.size == (180, 200)


def test_chinese_readme_is_in_step() -> None:
    assert code_of(CHINESE) == code_of(ENGLISH)
    for pattern in (r"^#+ ", r"^\|", r"^- "):
        counts = [len(re.findall(pattern, page.read_text("utf-8"), re.MULTILINE)) for page in (ENGLISH, CHINESE)]
        assert counts[0] == counts[1], pattern
    links = [re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")) for page in (ENGLISH, CHINESE)]
    others = {"README.md", "README.zh.md"}
    assert [link for link in links[0] if link not in others] == [link for link in links[1] if link not in others]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT_ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        target, _, heading = link.partition("#")
        file = (page.parent / target) if target else page
        assert file.exists(), f"{link} in {page.name}"
        if heading:
            headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}
            assert heading in anchors, f"{link} in {page.name}"


def test_commands_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT_ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for line in code_of(ENGLISH):
        if line.startswith("make "):
            assert line.split()[1] in targets
        if line.startswith(".venv/bin/limner "):
            from cli.main import cli

            assert line.split()[1] in cli.list_commands(None)  # type: ignore[arg-type]
