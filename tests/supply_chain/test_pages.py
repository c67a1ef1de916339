"""What SECURITY.md and the pages beside it point to exists, so that each promise can be looked up."""

from __future__ import annotations

import re

import pytest

from deploy.shipped import SHIPPED
from limner.settings import PROJECT_ROOT

PAGES = ("SECURITY.md", "docs/licences.md", "docs/privacy.md", "docs/supply-chain.md")
SECURITY = (PROJECT_ROOT / "SECURITY.md").read_text("utf-8")


def anchors(text: str) -> set[str]:
    """As hosting platforms make them of headings."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    path = PROJECT_ROOT / page
    links = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", path.read_text("utf-8"))
    assert links
    for file, anchor in links:
        if not file.startswith("http"):
            target = (path.parent / file).resolve() if file else path
            assert target.exists(), file
            if anchor:
                assert anchor in anchors(target.read_text("utf-8")), f"{file}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    """A test without a folder lies in that of the one named before it."""
    folder = ""
    for name in re.findall(r"`((?:[\w.-]+/)*(?:test_[\w*]+\.py|[\w-]+/))`", (PROJECT_ROOT / page).read_text("utf-8")):
        if "/" in name:
            folder = name.rpartition("/")[0]
        elif name.startswith("test_"):
            name = f"{folder}/{name}"  # noqa: PLW2901 - written out
        if name.startswith(("tests/", "docs/", "deploy/", "gateway/", "perf/", "requirements/")):
            assert list(PROJECT_ROOT.glob(name.rstrip("/"))), name


def test_every_promise_of_the_threat_model_names_its_proof_or_says_that_there_is_none() -> None:
    tables = re.findall(r"^\| wants \|.*\n\|---.*\n((?:\|.*\n)+)", SECURITY, re.MULTILINE)
    assert len(tables) == SECURITY.count("| wants |") >= 5
    rows = [row for table in tables for row in table.splitlines()]
    for row in rows:
        stops, shown = row.split("|")[2:4]
        assert "`tests/" in shown or ("nothing" in stops and shown.strip() == "–"), row


def test_nobody_is_sent_to_an_address_that_was_made_up() -> None:
    assert not re.search(r"[\w.]+@[\w.]+\.\w+", SECURITY)


def test_every_bill_is_on_the_page() -> None:
    text = (PROJECT_ROOT / "docs" / "supply-chain.md").read_text("utf-8")
    listed = re.findall(r"`([\w-]+)`", text.partition("checked against the schema: ")[2].partition(".")[0])
    assert listed == [thing.name for thing in SHIPPED]


def test_headings_are_unique() -> None:
    """Anchors of two that are alike would lead to the first one."""
    heads = re.findall(r"^#+ (.+)$", SECURITY, re.MULTILINE)
    assert len(heads) == len(set(heads))
