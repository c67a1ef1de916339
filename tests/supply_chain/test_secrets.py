"""No secret is in the tree, and the scan would find one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.access.keys import new_key
from limner.settings import PROJECT_ROOT
from tests.supply_chain.secret_scan import FORMS, files_below, findings_below, findings_in

DASHES = "-" * 5
SAMPLES = {
    "private key": f"{DASHES}BEGIN EC PRIVATE KEY{DASHES}",
    "key of Limner": new_key(),
    "key of AWS": "AKIA" + "A1" * 8,
    "token of GitHub": "ghp_" + "a1" * 18,
    "token of GitLab": "glpat-" + "a1" * 10,
    "token of Slack": "xoxb-" + "12345-" * 3,
    "key of Google": "AIza" + "a" * 35,
    "token of a package index": "npm_" + "a1" * 18,
    "token of a model hub": "hf_" + "ab" * 17,
    "signed token": ".".join(("eyJ" + "a" * 12, "eyJ" + "b" * 12, "c" * 12)),
    "password in a URL": "redis://:" + "correct-horse@redis:6379/0",
}


def test_nothing_secret_is_in_the_tree() -> None:
    found = findings_below(PROJECT_ROOT)
    assert [f"{finding.path}:{finding.line}: {finding.kind}" for finding in found] == []


@pytest.mark.parametrize("kind", FORMS)
def test_each_form_is_found_in_a_file(kind: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.md").write_text(f"first line\nvalue: '{SAMPLES[kind]}'\n")
    (finding,) = findings_below(tmp_path)
    assert (finding.path, finding.line, finding.kind) == ("folder/notes.md", 2, kind)


@pytest.mark.parametrize(
    "text",
    [
        "limner_requests_total",
        "https://example.test:8443/v1@x",
        "AKIA",
        "eyJhbGciOi",
        "redis://redis:6379/0",
        "hf_home",
    ],
)
def test_other_texts_are_none(text: str) -> None:
    assert list(findings_in(text)) == []


def test_what_git_ignores_is_passed_over(tmp_path: Path) -> None:
    for name in ("kept.txt", "build/made.txt", "deep/secrets/key", "deep/kept.txt", "deep/other.pyc", ".git/config"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / ".gitignore").write_text("# comment\nbuild/\n*.pyc\n")
    (tmp_path / "deep" / ".gitignore").write_text("/secrets/\n")
    names = {path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path)}
    assert names == {".gitignore", "kept.txt", "deep/.gitignore", "deep/kept.txt"}
