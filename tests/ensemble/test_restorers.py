"""Which network restores faces."""

from __future__ import annotations

import pytest

from ensemble.restorers import choose_restorer
from limner.catalog import CatalogEntry
from limner.errors import InvalidOption

SERVED = {
    name: CatalogEntry("face_restorer", name, name, available=True, precision="fp32")
    for name in ("gfpgan", "restoreformer")
}
REASONS = {"codeformer": "Its licence has not been accepted."}


@pytest.mark.parametrize(
    ("wanted", "model", "reason"),
    [
        ("auto", "gfpgan", None),
        ("gfpgan", "gfpgan", None),
        ("restoreformer", "restoreformer", None),
        ("none", None, "Switched off by restorer=none."),
    ],
)
def test_by_name_and_what_is_there(wanted: str, model: str | None, reason: str | None) -> None:
    choice = choose_restorer(wanted, SERVED, REASONS, None)
    assert (choice.entry.model if choice.entry else None) == model
    assert choice.reason == reason


def test_auto_without_any() -> None:
    choice = choose_restorer("auto", {}, REASONS, "No weights could be had.")
    assert (choice.entry, choice.reason) == (None, "No weights could be had.")


@pytest.mark.parametrize(
    ("wanted", "why_none", "why"),
    [
        ("codeformer", "No weights could be had.", REASONS["codeformer"]),
        ("gfpgan", "No weights could be had.", "No weights could be had."),
        ("gfpgan", None, "it has not been exported."),
    ],
)
def test_asked_for_by_name(wanted: str, why_none: str | None, why: str) -> None:
    with pytest.raises(InvalidOption, match=f"restorer={wanted} is not available here: {why}"):
        choose_restorer(wanted, {}, REASONS, why_none)
