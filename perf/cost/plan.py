"""What is measured: which photos, how many of them at once, in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from limner.options import SCALES

_LEVELS = {scale: level for level, scale in SCALES.items()}


@dataclass(frozen=True)
class Photo:
    """One photo and what is asked for.

    Attributes:
        width, height: in pixels.
        faces: that it shows.
        scale: of the result: 1, 2, 4 or 8.
        background: the option of that name; ``auto`` is what users get who ask for nothing.
        restore: whether its faces are restored.
    """

    width: int
    height: int
    faces: int = 0
    scale: int = 2
    background: str = "lanczos"
    restore: bool = False

    @property
    def parameters(self) -> dict[str, str | int]:
        """Options, as Triton request parameters."""
        return {
            "enhancement_level": _LEVELS[self.scale],
            "background": self.background,
            "restorer": "auto" if self.restore else "none",
        }


@dataclass(frozen=True)
class Crowd:
    """``photos`` times the same photo by ``users`` at once."""

    users: int
    photo: Photo
    photos: int


Named = tuple[tuple[str, Photo], ...]
"""Photos, each with the name of its series."""


@dataclass(frozen=True)
class Plan:
    """``series`` are fitted, ``crowds`` load the server, ``typical`` photos try the fit out.

    Each of the three has a server of its own, and goes from small to large: a server keeps most of the memory that it
    once needed.

    Attributes:
        warm_up: sent first.
        rounds: calls of each photo after the first, fewer where they take long.
        seconds: after which no further point is begun.
    """

    series: Named
    crowds: tuple[Crowd, ...]
    typical: Named
    warm_up: Photo
    rounds: int
    seconds: float

    def parts(self) -> Iterator[Plan]:
        """What each server gets to do."""
        if self.series:
            yield replace(self, crowds=(), typical=())
        if self.crowds:
            yield replace(self, series=(), typical=())
        if self.typical:
            yield replace(self, series=(), crowds=())


_SMALL = ((160, 128), (320, 256), (640, 480))
_LARGER = ((1152, 864), (1632, 1224), (2304, 1728))
_BY_NETWORK = ((160, 128), (248, 248), (400, 376), (816, 612))
_FACES = (0, 1, 4, 10)
_USERS = (1, 2, 4, 8, 16)
_PORTRAIT = Photo(160, 120, 1, background="realesrgan")
_MEGAPIXEL = Photo(1152, 864, 1)
"""What users send at once: a small one that the network enlarges, and a megapixel that it does not."""


def _named(name: str, photos: Iterable[Photo]) -> Named:
    return tuple((name, photo) for photo in photos)


LONG = Plan(
    series=(
        *_named("pixels, Lanczos", (Photo(*size) for size in _SMALL)),
        *_named("faces", (Photo(960, 768, faces, restore=True) for faces in _FACES)),
        *_named("pixels, Lanczos", (Photo(*size) for size in _LARGER)),
        *_named("scale, Lanczos", (Photo(1024, 768, scale=scale) for scale in SCALES.values())),
        *_named("pixels, network", (Photo(*size, background="realesrgan") for size in _BY_NETWORK)),
        *_named("scale, network", (Photo(160, 160, scale=scale, background="realesrgan") for scale in SCALES.values())),
    ),
    crowds=(
        *(Crowd(users, _PORTRAIT, max(2, users)) for users in _USERS),
        *(Crowd(users, _MEGAPIXEL, max(4, users * 2)) for users in _USERS),
    ),
    typical=(
        ("248×320, one face, ×2", Photo(248, 320, 1, background="auto", restore=True)),
        ("512×512, one face, ×2", Photo(512, 512, 1, background="auto", restore=True)),
        ("1024×768, three faces, ×2", Photo(1024, 768, 3, background="auto", restore=True)),
        ("4000×3000, group of twenty, ×2", Photo(4000, 3000, 20, background="auto", restore=True)),
    ),
    warm_up=Photo(256, 256, 1, background="realesrgan", restore=True),
    rounds=3,
    seconds=400.0,
)

SHORT = Plan(
    series=(
        *_named("pixels, Lanczos", (Photo(160, 128), Photo(320, 256), Photo(640, 480))),
        *_named("scale, Lanczos", (Photo(320, 256, scale=4),)),
        *_named("pixels, network", (Photo(*size, background="realesrgan") for size in ((96, 80), (400, 64)))),
        *_named("faces", (Photo(480, 384, faces, restore=True) for faces in (0, 2))),
    ),
    crowds=(Crowd(1, Photo(160, 128, 1), 2), Crowd(4, Photo(160, 128, 1), 8)),
    typical=(),
    warm_up=Photo(96, 80, 1, background="realesrgan", restore=True),
    rounds=1,
    seconds=55.0,
)
"""The same in little: it shows that everything works, and its figures say nothing."""
