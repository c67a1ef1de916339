"""Figures out of a result file; one that is missing or odd is told by its name and never taken for nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class OddFigures(Exception):
    """A result file that does not hold what its program writes."""


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


@dataclass(frozen=True)
class Figures:
    """A JSON object; ``where`` names it in messages, such as ``soak.json: samples[3]``."""

    values: Mapping[str, Any]
    where: str

    def has(self, name: str) -> bool:
        return name in self.values

    def count(self, name: str) -> int:
        """A whole number from 0 on."""
        return int(self._get(name, "a count", _is_count))

    def number(self, name: str) -> float:
        """A number from 0 on."""
        return float(self._get(name, "a number", _is_number))

    def text(self, name: str) -> str:
        return str(self._get(name, "a text", _is_text))

    def flag(self, name: str) -> bool:
        return bool(self._get(name, "true or false", lambda value: isinstance(value, bool)))

    def texts(self, name: str) -> list[str]:
        return list(self._get(name, "a list of texts", lambda value: _all(value, list, _is_text)))

    def counts(self, name: str) -> dict[str, int]:
        """Counts by what is counted."""
        return dict(self._get(name, "an object of counts", lambda value: _all(value, dict, _is_count)))

    def most(self, name: str) -> tuple[float, str]:
        """The largest of something, and what it belongs to."""

        def is_pair(value: object) -> bool:
            return isinstance(value, list) and len(value) == 2 and _is_number(value[0]) and _is_text(value[1])

        value, of = self._get(name, "a number with a name", is_pair)
        return float(value), str(of)

    def part(self, name: str) -> Figures:
        return Figures(self._get(name, "an object", _is_object), self._path(name))

    def parts(self, name: str) -> dict[str, Figures]:
        """Objects by their names, one at least."""
        found = self._get(name, "an object of objects", lambda value: _all(value, dict, _is_object) and bool(value))
        return {key: Figures(value, f"{self._path(name)}.{key}") for key, value in found.items()}

    def rows(self, name: str) -> list[Figures]:
        """Objects in a row, one at least."""
        found = self._get(name, "a list of objects", lambda value: _all(value, list, _is_object) and bool(value))
        return [Figures(value, f"{self._path(name)}[{number}]") for number, value in enumerate(found)]

    def _path(self, name: str) -> str:
        return f"{self.where}{'' if self.where.endswith(': ') else '.'}{name}"

    def _get(self, name: str, kind: str, is_right: Callable[[Any], bool]) -> Any:
        if name not in self.values:
            raise OddFigures(f"{self._path(name)} is missing")
        if not is_right(self.values[name]):
            raise OddFigures(f"{self._path(name)} is {str(self.values[name])[:60]!r}, and not {kind}")
        return self.values[name]


def _all(value: Any, of: type[dict[str, Any]] | type[list[Any]], is_right: Callable[[Any], bool]) -> bool:
    if not isinstance(value, of):
        return False
    return all(map(is_right, value.values() if isinstance(value, dict) else value))
