"""Images made to harm, all of them made here from a seed; nothing is stored.

:func:`images` gives every case; each is a name and the bytes. What is a case of what:

    bases       good photos of every kind, small; the others start from them
    structures  each segment or chunk of each base cut, lengthened, emptied, doubled, dropped, moved, renamed
    jpeg, png, webp  what only that format can do: bombs, lies of its header, rare features
    metadata    EXIF, colour profiles and XMP made to harm, in all three
    polyglots   two formats in one file
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.fuzz.corpus.case import Case


def images(seed: int = 0) -> Iterator[Case]:
    """All cases, in the same order for the same seed."""
    from tests.fuzz.corpus import bases, jpeg, metadata, png, polyglots, structures, webp

    for module in (bases, jpeg, png, webp, metadata, polyglots):
        yield from module.cases()
    yield from structures.cases(seed)
