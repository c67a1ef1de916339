"""Looks for secrets in the tree, by the forms that they are known to have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

FORMS: Final = {
    "private key": r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----",
    "key of Limner": r"\blimner_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])",
    "key of AWS": r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    "token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})",
    "token of GitLab": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "token of Slack": r"\bxox[abeprs]-[A-Za-z0-9-]{10,}",
    "key of Google": r"\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])",
    "token of a package index": r"\b(?:npm_[A-Za-z0-9]{36}\b|pypi-AgE[A-Za-z0-9_-]{50,})",
    "token of a model hub": r"\b(?:hf_[A-Za-z]{34}\b|nvapi-[A-Za-z0-9_-]{60,})",
    "signed token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "password in a URL": r"\b[a-z][a-z0-9+.-]*://[\w.-]*:[A-Za-z0-9_.~%+-]{12,}@[A-Za-z0-9\[]",
}
"""What a secret looks like. What has no form of its own, such as a plain password, is not found. In
URLs, words of less than 12 signs (PASSWORD, secret) stand for passwords in examples."""

_EVERYTHING: Final = re.compile("|".join(f"(?P<f{number}>{form})" for number, form in enumerate(FORMS.values())))
_KINDS: Final = tuple(FORMS)
_LARGEST_BYTES: Final = 8_000_000
_BINARY_HEAD: Final = 8192


@dataclass(frozen=True)
class Finding:
    """A secret, or what looks like one. ``path`` is below the root."""

    path: str
    line: int
    kind: str
    text: str


def findings_in(text: str, path: str = "") -> Iterator[Finding]:
    """All that is in ``text``."""
    for match in _EVERYTHING.finditer(text):
        kind = _KINDS[int(str(match.lastgroup)[1:])]
        yield Finding(path, text.count("\n", 0, match.start()) + 1, kind, match.group())


def findings_below(root: Path) -> Iterator[Finding]:
    """All that is in the text files below ``root`` that git does not ignore."""
    for path in files_below(root):
        data = path.read_bytes()
        if b"\0" not in data[:_BINARY_HEAD]:
            yield from findings_in(data.decode("utf-8", "replace"), path.relative_to(root).as_posix())


def files_below(root: Path, ignored: tuple[tuple[Path, str], ...] = ()) -> Iterator[Path]:
    """Files that git would take: not its own, and none that a ``.gitignore`` names (without ``!`` and ``**``)."""
    rules = root / ".gitignore"
    if rules.is_file():
        lines = (line.strip() for line in rules.read_text("utf-8").splitlines())
        ignored += tuple((root, line) for line in lines if line and not line.startswith("#"))
    for path in sorted(root.iterdir()):
        if path.name == ".git" or path.is_symlink() or any(_matches(path, *rule) for rule in ignored):
            continue
        if path.is_dir():
            yield from files_below(path, ignored)
        elif path.is_file() and path.stat().st_size <= _LARGEST_BYTES:
            yield path


def _matches(path: Path, folder: Path, rule: str) -> bool:
    if rule.endswith("/") and not path.is_dir():
        return False
    rule = rule.rstrip("/")
    if "/" in rule:
        return fnmatch(path.relative_to(folder).as_posix(), rule.lstrip("/"))
    return fnmatch(path.name, rule)
