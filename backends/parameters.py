"""Reading configuration keys whose values are all strings, with errors that name the model and the key."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from limner.errors import ServingError

_TRUTH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}

# Read by Triton's Python backend itself, so never an error here.
PYTHON_BACKEND_KEYS = ("EXECUTION_ENV_PATH", "FORCE_CPU_ONLY_INPUT_TENSORS")


class Parameters:
    """The keys of one place of a model's config.pbtxt. An empty value counts as absent, as in the native backends."""

    def __init__(self, model: str, place: str, values: Mapping[str, str]) -> None:
        self.model = model
        self.place = place
        self.values = {key: value for key, value in values.items() if value}

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Raise ``ServingError`` for the first key that is not in ``known``: a misspelt key must not pass silently."""
        for key in self.values:
            if key not in known:
                close = get_close_matches(key, known, n=1)
                hint = f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(sorted(known))}"
                raise ServingError(f"model '{self.model}': unknown key '{key}' in {self.place}{hint}")

    def text(self, key: str) -> str | None:
        return self.values.get(key)

    def flag(self, key: str) -> bool | None:
        """yes/no, true/false or 1/0, in any case."""
        value = self.values.get(key)
        if value is None:
            return None
        if value.lower() not in _TRUTH:
            raise self.wrong(key, "YES or NO (or true, false, 1, 0)")
        return _TRUTH[value.lower()]

    def count(self, key: str) -> int | None:
        """A whole number, 0 or more."""
        value = self.values.get(key)
        if value is None:
            return None
        if not value.isdecimal():
            raise self.wrong(key, "a whole number, 0 or more")
        return int(value)

    def choice(self, key: str, allowed: Collection[str]) -> str | None:
        """One of ``allowed`` (upper case), given in any case."""
        value = self.values.get(key)
        if value is None:
            return None
        if value.upper() not in allowed:
            raise self.wrong(key, f"one of {', '.join(allowed)}")
        return value.upper()

    def wrong(self, key: str, expected: str) -> ServingError:
        """The error for a value that ``key`` cannot have."""
        return ServingError(
            f"model '{self.model}': key '{key}' in {self.place} is '{self.values[key]}', expected {expected}"
        )
