"""The options of an enhancement: declared once, as data.

The same names are form fields over HTTP, request parameters over Triton gRPC and flags on the command line.
Values may arrive typed or as text; :func:`parse_options` accepts both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from limner.errors import InvalidOption

Value = str | int | float | bool


@dataclass(frozen=True)
class OptionSpec:
    """One option: ``kind`` is the type of its value, ``minimum`` and ``maximum`` are inclusive."""

    name: str
    kind: Literal["int", "float", "bool", "choice"]
    default: Value
    help: str
    choices: tuple[str, ...] = ()
    minimum: float = -math.inf
    maximum: float = math.inf

    def parse(self, value: Value) -> Value:
        """The typed value, or :class:`InvalidOption` saying what is accepted."""
        text = str(value).strip()
        if self.kind == "choice":
            if text.lower() in self.choices:
                return text.lower()
            raise self._refused(text, f"one of {', '.join(self.choices)}")
        if self.kind == "bool":
            lowered = text.lower()
            if lowered in {"true", "1", "yes", "on"}:
                return True
            if lowered in {"false", "0", "no", "off"}:
                return False
            raise self._refused(text, "true or false")
        expected = f"{'a whole number' if self.kind == 'int' else 'a number'} {self.minimum:g} to {self.maximum:g}"
        try:
            number = int(text) if self.kind == "int" else float(text)
        except ValueError:
            raise self._refused(text, expected) from None
        if not self.minimum <= number <= self.maximum:
            raise self._refused(text, expected)
        return number

    def _refused(self, text: str, expected: str) -> InvalidOption:
        shown = text if len(text) <= 40 else text[:40] + "…"
        return InvalidOption(f"{self.name} is {shown!r}; send {expected}, or leave it out for {self.default!r}.")


OPTION_SPECS: tuple[OptionSpec, ...] = (
    OptionSpec("enhancement_level", "int", 2, "output size: 1 = x1, 2 = x2, 3 = x4, 4 = x8", minimum=1, maximum=4),
    OptionSpec(
        "restorer",
        "choice",
        "auto",
        "network that restores faces; auto takes the best that has weights",
        choices=("auto", "gfpgan", "restoreformer", "codeformer", "none"),
    ),
    OptionSpec(
        "background",
        "choice",
        "auto",
        "what enlarges the rest of the picture; auto takes the best that has weights",
        choices=("auto", "realesrgan", "swinir", "lanczos"),
    ),
    OptionSpec(
        "fidelity",
        "float",
        0.5,
        "0 = clearest face, 1 = closest to the input; restorers that take no such weight ignore it",
        minimum=0.0,
        maximum=1.0,
    ),
    OptionSpec("preserve_identity", "bool", True, "hold a restored face back where it no longer is the same person"),
    OptionSpec("only_center_face", "bool", False, "restore only the face nearest to the middle of the picture"),
    OptionSpec("aligned", "bool", False, "the picture is one aligned face crop; nothing is detected or pasted back"),
    OptionSpec(
        "output_format",
        "choice",
        "auto",
        "format of the result; auto keeps the input's, transparency forces png or webp",
        choices=("auto", "jpeg", "png", "webp"),
    ),
    OptionSpec("quality", "int", 95, "quality of a JPEG or WebP result", minimum=1, maximum=100),
)

_SPEC_BY_NAME = {spec.name: spec for spec in OPTION_SPECS}

SCALES = {1: 1, 2: 2, 3: 4, 4: 8}
"""Output scale of each enhancement level."""


@dataclass(frozen=True)
class Options:
    """Checked options. Build with :func:`parse_options`."""

    enhancement_level: int = 2
    restorer: str = "auto"
    background: str = "auto"
    fidelity: float = 0.5
    preserve_identity: bool = True
    only_center_face: bool = False
    aligned: bool = False
    output_format: str = "auto"
    quality: int = 95

    @property
    def scale(self) -> int:
        """Output pixels per input pixel along one side: 1, 2, 4 or 8."""
        return SCALES[self.enhancement_level]

    def to_parameters(self) -> dict[str, str]:
        """The options that differ from their defaults, as Triton request parameters."""
        values = asdict(self)
        return {spec.name: str(values[spec.name]).lower() for spec in OPTION_SPECS if values[spec.name] != spec.default}


def parse_options(values: Mapping[str, Value]) -> Options:
    """Check ``values`` and fill in defaults; a name that is no option is refused.

    Raises:
        InvalidOption: naming the option and what it accepts.
    """
    unknown = sorted(set(values) - set(_SPEC_BY_NAME))
    if unknown:
        raise InvalidOption(
            f"{unknown[0][:40]!r} is not an option. Leave it out, or send one of: {', '.join(_SPEC_BY_NAME)}."
        )
    parsed = {name: _SPEC_BY_NAME[name].parse(value) for name, value in values.items() if value != ""}
    return Options(**parsed)  # type: ignore[arg-type]
