"""Compiling the kernel: what the library needs, that its bytes are reproducible, and what is said where it fails."""

from __future__ import annotations

import re
import shutil
from importlib import util
from pathlib import Path

import pytest

from export.winograd.build import SOURCES, build_kernel
from limner.errors import ExportError
from tests.export.winograd.small_rrdb import library, require_compiler


def test_the_library_needs_an_old_glibc_and_nothing_else() -> None:
    require_compiler()
    content = library()
    versions = {tuple(map(int, found.split(b"."))) for found in re.findall(rb"GLIBC_([0-9.]+)\0", content)}
    assert versions
    assert max(versions) <= (2, 17)
    needed = set(re.findall(rb"\0(lib[\w+-]+\.so[.0-9]*)(?=\0)", content))
    assert needed <= {b"libc.so.6", b"libpthread.so.0"}
    assert len(content) < 500_000


def test_the_same_sources_make_the_same_bytes_wherever_they_lie(tmp_path: Path) -> None:
    require_compiler()
    shutil.copytree(SOURCES, tmp_path / "elsewhere" / "rrdb")
    build_kernel(tmp_path / "again.so", tmp_path / "elsewhere" / "rrdb")
    assert (tmp_path / "again.so").read_bytes() == library()
    assert str(tmp_path).encode() not in library()


def test_a_failed_compile_says_what_the_compiler_said(tmp_path: Path) -> None:
    require_compiler()
    (tmp_path / "wrong.cc").write_text("int broken( { return 1; }\n")
    with pytest.raises(ExportError, match=r"could not be compiled: wrong\.cc:1:\d+: error: .*ziglang.*export again"):
        build_kernel(tmp_path / "x.so", tmp_path)
    assert not (tmp_path / "x.so").exists()


def test_what_is_not_defined_is_found_when_it_is_linked(tmp_path: Path) -> None:
    """A kernel that needs a C++ library would be refused only where it is loaded."""
    require_compiler()
    (tmp_path / "wrong.cc").write_text('extern "C" int* rrdb_open() { return new int; }\n')
    with pytest.raises(ExportError, match=r"could not be compiled: .*undefined symbol"):
        build_kernel(tmp_path / "x.so", tmp_path)


def test_a_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda _: None)
    with pytest.raises(ExportError, match=r"compiler is missing\. Install .*requirements/export\.txt"):
        build_kernel(tmp_path / "x.so")


def test_missing_sources_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda _: object())
    (tmp_path / "kernels" / "rrdb").mkdir(parents=True)
    with pytest.raises(ExportError, match="no source in kernels/rrdb"):
        build_kernel(tmp_path / "x.so", tmp_path / "kernels" / "rrdb")
