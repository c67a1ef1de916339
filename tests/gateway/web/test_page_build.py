"""The page's build: the Node that it finds, when it builds again, and what it says when it cannot."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.web import WEB, build, node
from limner.errors import PageBuildError
from limner.settings import PROJECT_ROOT


def fake(folder: Path, name: str, says: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Node, and the folder on its ``PATH``."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(node, "PACKAGE", "no_such_package_of_node")
    return tmp_path


@pytest.mark.parametrize(
    ("version", "taken"),
    [("v20.19.0", True), ("v22.1.0", True), ("v100.0.0", True), ("v20.18.9", False), ("v9.99.0", False), ("?", False)],
)
def test_only_a_new_enough_node_is_taken(machine: Path, version: str, taken: bool) -> None:
    fake(machine, "node", version)
    fake(machine, "npm", "11")
    assert (node.find_node() is not None) == taken


def test_a_node_without_npm_is_not_taken(machine: Path) -> None:
    fake(machine, "node", "v24.0.0")
    assert node.find_node() is None


def test_the_package_is_taken_where_the_machine_has_none(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "node_package_of_a_test"
    (package / "bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    fake(package / "bin", "node", "v24.1.0")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(node, "PACKAGE", package.name)
    found = node.find_node()
    assert found is not None
    assert found.folder == package / "bin"
    assert found.npm[0] == str(package / "bin" / "node")
    assert found.environment()["PATH"].startswith(f"{package / 'bin'}:")


def test_without_any_the_message_says_what_to_do(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "LOCK", machine / "no-lock.txt")
    with pytest.raises(PageBuildError, match=r"Node 20\.19 or later .* apt-get install nodejs npm"):
        node.install_node()


def test_a_change_of_any_source_builds_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web = tmp_path / "gateway" / "web"
    shutil.copytree(WEB / "src", web / "src")
    for name in ("package.json", "package-lock.json", "index.html", "vite.config.ts"):
        shutil.copy(WEB / name, web)
    (tmp_path / "limner").mkdir()
    monkeypatch.setattr(build, "WEB", web)
    monkeypatch.setattr(build, "_GENERATED", web / "src" / "api" / "generated")
    monkeypatch.setattr(build, "PROJECT_ROOT", tmp_path)
    seen = {build.fingerprint()}
    for changed in ("gateway/web/src/main.tsx", "gateway/web/package-lock.json", "gateway/api.py", "limner/new.py"):
        with (tmp_path / changed).open("a") as source:
            source.write("\n")
        assert build.fingerprint() not in seen
        seen.add(build.fingerprint())
    (web / "src" / "api" / "generated").mkdir(exist_ok=True)
    (web / "src" / "api" / "generated" / "made.ts").write_text("made")
    assert build.fingerprint() in seen


def test_a_failed_build_leaves_the_page_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dist, state = tmp_path / "dist", tmp_path / "state"
    dist.mkdir()
    (dist / "index.html").write_text("the last page")
    for name, value in {"DIST": dist, "_STATE": state, "_BUILT": state / "built", "WEB": tmp_path}.items():
        monkeypatch.setattr(build, name, value)
    tools = tmp_path / "bin"
    tools.mkdir()
    npm = tools / "npm"
    npm.write_text("#!/bin/sh\necho the step went wrong\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr(build, "_ready_node", lambda: node.Node(tools, (str(npm),)))
    monkeypatch.setattr(build, "_document", lambda: "{}")
    with pytest.raises(PageBuildError, match=r"npm run generate.*\n.*the step went wrong"):
        build.build()
    assert (dist / "index.html").read_text() == "the last page"
    monkeypatch.setattr(sys, "argv", ["build", "--optional"])
    with pytest.raises(SystemExit) as ended:
        build.main()
    assert ended.value.code == 0
    assert "Warning: the page stays as it is. `npm run generate`" in capsys.readouterr().err
    shutil.rmtree(dist)
    with pytest.raises(SystemExit) as ended:
        build.main()
    assert ended.value.code == 0
    assert "Warning: no page, only the API. `npm run generate`" in capsys.readouterr().err


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place to build in, with an ``npm`` that notes what it is asked for and puts it into the page.

    While there is a file ``broken``, it leaves a half of the packages and fails.
    """
    web, tools = tmp_path / "web", tmp_path / "bin"
    web.mkdir()
    tools.mkdir()
    fake(tools, "node", "v24.0.0")
    npm = tools / "npm"
    npm.write_text(
        f"""#!/bin/sh
        printf '%s\\n' "$*" >> {tmp_path}/asked
        case "$*" in
        *" ci") mkdir -p node_modules; [ ! -e {tmp_path}/broken ] ;;
        *" run build"*) mkdir -p {web}/.build/dist; wc -l < {tmp_path}/asked > {web}/.build/dist/index.html ;;
        esac
        """
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    (web / "package-lock.json").write_text("{}")
    state = web / ".build"
    places = {"WEB": web, "DIST": web / "dist", "_STATE": state, "_BUILT": state / "built"}
    for name, value in {**places, "_INSTALLED": state / "installed", "_GENERATED": web / "generated"}.items():
        monkeypatch.setattr(build, name, value)
    monkeypatch.setattr(build, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(build, "_document", lambda: "{}")
    return tmp_path


def asked(workshop: Path) -> list[str]:
    """The commands that npm was given since the last time."""
    notes = workshop / "asked"
    lines = notes.read_text().splitlines() if notes.exists() else []
    notes.unlink(missing_ok=True)
    return [" ".join(word for word in line.split() if not word.startswith("-")) for line in lines]


def test_only_what_has_changed_is_done_again(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build.build()
    assert [line.rpartition("/")[0] or line for line in asked(workshop)] == [
        "ci",
        "run generate",
        f"run build {workshop}/web/.build",
    ]
    capsys.readouterr()
    build.build()
    assert asked(workshop) == []
    assert capsys.readouterr().err == ""
    (workshop / "web" / "index.html").write_text("another")
    build.build()
    assert asked(workshop)[0] == "run generate"
    (workshop / "web" / "package-lock.json").write_text('{"more": 1}')
    build.build()
    assert asked(workshop)[0] == "ci"
    assert (workshop / "web" / "dist" / "index.html").read_text().strip() == "3"
    assert not (workshop / "web" / ".build" / "old").exists()


def test_packages_that_came_by_half_are_fetched_again(workshop: Path) -> None:
    build.build()
    shutil.rmtree(workshop / "web" / "node_modules")
    (workshop / "web" / "index.html").write_text("another")
    (workshop / "broken").touch()
    asked(workshop)
    with pytest.raises(PageBuildError, match="npm config set registry"):
        build.build()
    (workshop / "broken").unlink()
    asked(workshop)
    build.build()
    assert asked(workshop)[0] == "ci"


def test_the_users_settings_are_not_in_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_MAX_UPLOAD_BYTES", "123000")
    monkeypatch.setenv("LIMNER_API_KEYS", "somebody:" + "k" * 43)
    document = build._document()
    assert "At most 20 MB" in document
    assert "securitySchemes" not in document


def test_builds_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_STATE", tmp_path)
    with build._turn(), (tmp_path / "lock").open("w") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_units_in_typescript() -> None:
    """What ``npm test`` tests: everything of the page that needs no browser."""
    command = [sys.executable, "-m", "gateway.web.build", "--then", "test"]
    run = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "passed" in run.stdout
