"""Which networks a photo gets, by its options and by what the catalogue says is served.

``decode_image`` asks so that a network that is not there is refused before any work, and before two steps are at work
side by side, where a refusal would have to wait for the tiles in flight; these two ask for what they are to use.
"""

from __future__ import annotations

from ensemble.backgrounds import Budget, Choice, choose_background
from ensemble.restorers import RestorerChoice, choose_restorer
from limner.catalog import Catalog, CatalogEntry, Role
from limner.options import Options

_UNLIMITED = Budget(0, 0)


class Choices:
    """What a catalogue leaves to choose from."""

    def __init__(self, catalog: Catalog, budget: Budget = _UNLIMITED) -> None:
        self.restorers = _by_model(catalog, "face_restorer")
        self.backgrounds = _by_model(catalog, "background")
        self._reasons = {entry.model: entry.reason for entry in catalog.entries if entry.reason}
        self._why_no_restorer = catalog.reason("face_restorer")
        self._budget = budget

    def restorer(self, options: Options) -> RestorerChoice:
        """Raises InvalidOption where the one asked for by name is not served."""
        return choose_restorer(options.restorer, self.restorers, self._reasons, self._why_no_restorer)

    def background(self, options: Options, pixels: int) -> Choice:
        """For a photo of so many pixels. Raises InvalidOption where the family asked for by name is not served."""
        if options.aligned and options.restorer != "none" and self.restorers:
            return Choice(None, "An aligned face has no background.")
        return choose_background(
            options.background, options.scale, pixels, self.backgrounds, self._reasons, self._budget
        )

    def check(self, options: Options) -> None:
        """Raises InvalidOption where a network that is asked for by name is not served."""
        self.restorer(options)
        self.background(options, pixels=0)


def _by_model(catalog: Catalog, role: Role) -> dict[str, CatalogEntry]:
    return {entry.model: entry for entry in catalog.available(role)}
