"""The page ``docs/settings.md``, made from the settings class. ``python -m tests.limner.settings_page`` rewrites it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from limner.settings import PROJECT_ROOT, Settings

PAGE = PROJECT_ROOT / "docs" / "settings.md"

_INTRO = """\
# Settings

Limner is set up with environment variables. All have a default, so none has to be set. A wrong value stops Limner at \
start with a message that names the variable.

A switch takes `0` or `1`. A variable that is set to nothing counts as unset. Relative paths start at the \
current folder; the default paths below lie in the project's folder.

What an unset variable would hold may also be in a file of its name in `/run/secrets`, such as \
`/run/secrets/limner_api_keys`, where Docker puts secrets.

| variable | default | meaning |
|---|---|---|
"""


def default_text(field: FieldInfo) -> str:
    """A default as one would write it into the environment."""
    value = field.default
    if isinstance(value, bool):
        return f"`{int(value)}`"
    if value is None or value == ():
        return "unset"
    if isinstance(value, Path):
        return f"`{value.relative_to(PROJECT_ROOT)}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _choices(field: FieldInfo) -> str:
    if get_origin(field.annotation) is not Literal:
        return ""
    return f" One of {', '.join(f'`{choice}`' for choice in get_args(field.annotation))}."


def settings_page() -> str:
    """The text of the page."""
    rows = (
        f"| `LIMNER_{name.upper()}` | {default_text(field)} | {field.description}{_choices(field)} |\n"
        for name, field in Settings.model_fields.items()
    )
    return _INTRO + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(settings_page(), "utf-8")
