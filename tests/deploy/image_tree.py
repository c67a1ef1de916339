"""What an image of ``deploy/docker`` holds, laid into a folder without Docker: its files, and only its packages."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement

from limner.settings import PROJECT_ROOT

DOCKER = PROJECT_ROOT / "deploy" / "docker"
HOME = "opt/limner"
"""Where the project lies in every image."""


@dataclass(frozen=True)
class Instruction:
    keyword: str
    arguments: str

    def words(self) -> list[str]:
        """Of the form with brackets, which runs without a shell.

        Raises:
            ValueError: it is in the other form.
        """
        words: list[str] = json.loads(self.arguments)
        return words


class Dockerfile:
    """The instructions of a file; of those that come once a stage the last counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = re.sub(r"^\s*#.*\n", "", path.read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
        lines = (line.strip().partition(" ") for line in text.splitlines() if line.strip())
        self.instructions = [Instruction(keyword.upper(), rest.strip()) for keyword, _, rest in lines]

    def all(self, keyword: str) -> list[str]:
        return [step.arguments for step in self.instructions if step.keyword == keyword]

    @property
    def final(self) -> list[Instruction]:
        """Of the stage that becomes the image."""
        last = max(number for number, step in enumerate(self.instructions) if step.keyword == "FROM")
        return self.instructions[last:]

    def last(self, keyword: str) -> Instruction:
        return [step for step in self.final if step.keyword == keyword][-1]

    def pairs(self, keyword: str) -> dict[str, str]:
        """``NAME=value`` of all such instructions of the final stage."""
        text = " ".join(step.arguments for step in self.final if step.keyword == keyword)
        return {name: quoted or plain for name, quoted, plain in re.findall(r'([\w.]+)=(?:"([^"]*)"|(\S+))', text)}


def ignored(path: PurePosixPath, patterns: Iterable[str] | None = None) -> bool:
    """Whether ``.dockerignore`` keeps a file, relative to the project, from the builder. The last pattern counts."""
    lines = (PROJECT_ROOT / ".dockerignore").read_text("utf-8").splitlines() if patterns is None else patterns
    answer = False
    for line in lines:
        pattern = line.strip().removeprefix("!")
        if not pattern or pattern.startswith("#"):
            continue
        expression = re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(expression, str(part)) for part in (path, *path.parents)):
            answer = not line.strip().startswith("!")
    return answer


def lay(dockerfile: Dockerfile, root: Path) -> None:
    """Copy the project's files to where the final stage of an image has them, ``root`` being its ``/``.

    The page stands for what another stage builds; packages that come from one are :func:`make_environment`'s.
    """
    folder = PurePosixPath("/")
    for step in dockerfile.final:
        if step.keyword == "WORKDIR":
            folder /= step.arguments
        if step.keyword != "COPY":
            continue
        words = step.arguments.split()
        flags = [word for word in words if word.startswith("--")]
        *sources, target = [word for word in words if not word.startswith("--")]
        if flags:
            within = {source.removeprefix(f"/{HOME}/") for source in sources if source.startswith(f"/{HOME}/")}
            _copy(within, target, folder, root, built=True)
        else:
            _copy(sources, target, folder, root)


def _copy(sources: Iterable[str], target: str, folder: PurePosixPath, root: Path, *, built: bool = False) -> None:
    place = root / str(folder / target).lstrip("/")
    for source in sources:
        found = sorted(PROJECT_ROOT.glob(source))
        assert found, f"COPY {source}: there is none"
        for path in found:
            for file in [path] if path.is_file() else sorted(path.rglob("*")):
                if file.is_dir() or (not built and ignored(PurePosixPath(file.relative_to(PROJECT_ROOT)))):
                    continue
                inside = file.name if path.is_file() else str(file.relative_to(path))
                copy = place / inside if path.is_dir() or target.endswith("/") else place
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, copy)


def locked(lock: str) -> dict[str, str]:
    """Names and versions in ``requirements/<lock>.txt`` that are for this Python."""
    text = (PROJECT_ROOT / "requirements" / f"{lock}.txt").read_text("utf-8")
    requirements = [Requirement(line.rstrip("\\ ")) for line in text.splitlines() if "==" in line and line[0].isalnum()]
    return {
        requirement.name: str(requirement.specifier).removeprefix("==")
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate()
    }


def with_what_they_need(*names: str) -> set[str]:
    """Distributions, with all that those name as needed for this Python."""
    reached: set[str] = set()
    ahead = list(names)
    while ahead:
        name = ahead.pop()
        if name in reached:
            continue
        reached.add(name)
        needs = [Requirement(text) for text in metadata.requires(name) or []]
        ahead += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return reached


def make_environment(root: Path, distributions: Iterable[str]) -> Path:
    """An environment in ``root/opt/venv`` in which nothing can be imported but these; gives its ``python``."""
    venv = root / "opt" / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, timeout=60)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = venv / "lib" / version / "site-packages"
    for name in distributions:
        for relative, file in _files(metadata.distribution(name)):
            link = packages / relative
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)
    (packages / "limner.pth").write_text(f"{root / HOME}\n")
    return venv / "bin" / "python"


def _files(distribution: metadata.Distribution) -> Iterator[tuple[Path, Path]]:
    """Those below ``site-packages``, with where they are; programs lie outside."""
    for file in sorted(set(distribution.files or ())):
        if ".." not in file.parts:
            yield Path(str(file)), Path(str(distribution.locate_file(file)))


def environment(dockerfile: Dockerfile, python: Path, **more: str) -> dict[str, str]:
    """The variables of a container, which has none of this process's; ``more`` are those that it is started with."""
    home = python.parent.parent
    own = {name: value for name, value in dockerfile.pairs("ENV").items() if name != "PATH"}
    # The environment of `python3` on this machine stands for that of the base image.
    return {"PATH": f"{home / 'bin'}{os.pathsep}{os.defpath}", "HOME": str(home.parent), **own, **more}


def command(root: Path, python: Path, *arguments: str) -> list[str]:
    """``limner`` of the image, with arguments."""
    return [str(python), str(root / "usr" / "local" / "bin" / "limner"), *arguments]
