"""Every package that is installed is pinned, under hashes, from wherever the user's pip looks for it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.locks import PAGE, REQUIREMENTS, LockError, entries, page_pins, python_pins
from limner.settings import PROJECT_ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:  # which has none; pytest brings one
    import tomli as tomllib

PYTHONS = ("3.10", "3.11", "3.12")
LOCKS = sorted(path.name for path in REQUIREMENTS.glob("*.txt"))
GOOD_HASH = f"--hash=sha256:{'0' * 64}"


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project


def asked_for(project: dict[str, Any], *extras: str) -> Iterator[Requirement]:
    for text in (
        *project["dependencies"],
        *(text for extra in extras for text in project["optional-dependencies"][extra]),
    ):
        yield Requirement(text)


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("python", PYTHONS)
def test_everything_is_pinned_under_hashes(lock: str, python: str) -> None:
    pins = python_pins(REQUIREMENTS / lock, python)
    assert pins
    names = [canonicalize_name(pin.name) for pin in pins]
    assert len(names) == len(set(names)), "one version for one Python"


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_says_where_packages_come_from(lock: str) -> None:
    for entry, requirement in entries(REQUIREMENTS / lock):
        assert requirement.url is None
        assert "://" not in entry
        assert not re.search(r"(^|\s)(-[a-zA-Z]\b|--(?!hash=))", entry), "no option of pip but hashes"


@pytest.mark.parametrize(
    "entry",
    [
        f"numpy>=1.26 {GOOD_HASH}",
        f"numpy {GOOD_HASH}",
        f"numpy==1.26.* {GOOD_HASH}",
        f"numpy==1.26.4,!=1.26.5 {GOOD_HASH}",
        f"numpy===1.26.4 {GOOD_HASH}",
        "numpy==1.26.4",
        f"numpy==1.26.4 --hash=sha1:{'0' * 40}",
        f"numpy==1.26.4 --hash=sha256:{'0' * 63}",
        f"numpy @ https://example.test/numpy.whl {GOOD_HASH}",
        f"--index-url https://example.test {GOOD_HASH}",
        f"git+https://example.test/numpy.git {GOOD_HASH}",
    ],
)
def test_other_entries_are_refused(entry: str, tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"click==8.1.0 \\\n    {GOOD_HASH}\n{entry}\n")
    with pytest.raises(LockError, match=r"lock\.txt"):
        python_pins(lock, "3.11")


def test_an_entry_for_another_python_is_passed_over(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(
        f"numpy==1.26.4 ; python_full_version < '3.11' \\\n    {GOOD_HASH}\n"
        f"numpy==2.2.0 ; python_full_version >= '3.11' \\\n    {GOOD_HASH} \\\n    --hash=sha256:{'1' * 64}\n"
    )
    assert [pin.version for pin in python_pins(lock, "3.10")] == ["1.26.4"]
    (pin,) = python_pins(lock, "3.12")
    assert (pin.version, pin.hashes) == ("2.2.0", ("0" * 64, "1" * 64))


@pytest.mark.parametrize(
    ("lock", "extras", "left_out"),
    [
        ("serve.txt", (), ()),
        ("export.txt", ("export",), ("onnxruntime",)),
        ("test.txt", ("export", "perf", "test"), ("onnxruntime",)),
        ("gpu.txt", ("gpu",), ("onnxruntime",)),
        ("page.txt", ("page",), ("onnxruntime",)),
    ],
)
@pytest.mark.parametrize("python", PYTHONS)
def test_locks_follow_the_project(
    project: dict[str, Any], lock: str, extras: tuple[str, ...], left_out: tuple[str, ...], python: str
) -> None:
    locked = {canonicalize_name(pin.name): pin.version for pin in python_pins(REQUIREMENTS / lock, python)}
    for requirement in asked_for(project, *extras):
        name = canonicalize_name(requirement.name)
        environment = {"python_version": python}
        if name not in left_out and (requirement.marker is None or requirement.marker.evaluate(environment)):
            assert str(requirement.specifier) == f"=={locked[name]}", f"{name}: run make lock"


@pytest.mark.parametrize("image", ["gateway", "triton", "exporter"])
def test_what_images_ask_for_is_the_projects(project: dict[str, Any], image: str) -> None:
    lines = [
        line for line in (REQUIREMENTS / f"{image}.in").read_text("utf-8").splitlines() if line[:1] not in ("", "#")
    ]
    asked = {canonicalize_name(Requirement(line).name) for line in lines}
    assert all(not Requirement(line).specifier for line in lines), "versions stand in pyproject.toml alone"
    assert asked <= {canonicalize_name(requirement.name) for requirement in asked_for(project, "export")}
    for python in PYTHONS:
        locked = {canonicalize_name(pin.name): pin for pin in python_pins(REQUIREMENTS / f"{image}.txt", python)}
        assert asked <= set(locked)
        known = {
            (pin.name, pin.version)
            for lock in ("serve", "export")
            for pin in python_pins(REQUIREMENTS / f"{lock}.txt", python)
        }
        assert {(pin.name, pin.version) for pin in locked.values()} <= known, "nothing that no other lock has tried"


def test_every_package_of_the_page_has_an_integrity_and_no_place() -> None:
    packages = {path: told for path, told in json.loads(PAGE.read_text("utf-8"))["packages"].items() if path}
    assert packages
    for path, told in packages.items():
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", told["integrity"]), path
        assert "resolved" not in told, path
        assert "hasInstallScript" not in told or told.get("dev") or told.get("optional"), f"{path} runs a script"


def test_the_page_asks_for_one_version_of_each() -> None:
    manifest = json.loads((PAGE.parent / "package.json").read_text("utf-8"))
    for name, version in {**manifest["dependencies"], **manifest["devDependencies"]}.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
    shipped = {(pin.name, pin.version) for pin in page_pins()}
    assert set(manifest["dependencies"].items()) <= shipped
    assert not {name for name, _ in shipped} & set(manifest["devDependencies"])


def test_a_page_package_without_integrity_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "package-lock.json"
    lock.write_text(json.dumps({"packages": {"": {}, "node_modules/react": {"version": "19.0.0"}}}))
    with pytest.raises(LockError, match="react"):
        page_pins(lock)
