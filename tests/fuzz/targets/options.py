"""Options as lines of ``name=value``; what is taken survives the way to Triton and back."""

from __future__ import annotations

import json
from typing import Any

from limner.errors import InvalidOption
from limner.options import OPTION_SPECS, Options, Value, parse_options


def seeds() -> list[bytes]:
    lines = [f"{spec.name}={value}" for spec in OPTION_SPECS for value in (*spec.choices, spec.default, "1e-5", "nan")]
    typed = json.dumps({spec.name: spec.default for spec in OPTION_SPECS})
    return [*(line.encode() for line in lines), "\n".join(lines[::5]).encode(), typed.encode()]


def check(data: bytes) -> None:
    try:
        options = parse_options(_values(data))
    except InvalidOption as error:
        assert len(error.message) < 700  # noqa: PT017 - told to whoever sent it
        return
    for spec in OPTION_SPECS:
        value = getattr(options, spec.name)
        kind: type[Any] = type(spec.default)
        assert type(value) is kind
        assert value in spec.choices if spec.choices else spec.minimum <= value <= spec.maximum
    assert parse_options(options.to_parameters()) == options
    assert isinstance(options, Options)
    assert options.scale in {1, 2, 4, 8}


def _values(data: bytes) -> dict[str, Value]:
    """As a form gives them, or, of JSON, typed as Triton's parameters are."""
    text = data.decode("utf-8", "replace")
    try:
        known = json.loads(text)
    except (ValueError, RecursionError):
        known = None
    if isinstance(known, dict):
        return {name: value for name, value in known.items() if isinstance(value, str | int | float | bool)}
    return dict(line.partition("=")[::2] for line in text.split("\n"))
