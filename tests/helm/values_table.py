"""The table of values in ``docs/kubernetes.md``, and the descriptions in ``values.schema.json``.

Both are made from the comments in ``values.yaml``. ``python -m tests.helm.values_table`` rewrites them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from limner.settings import PROJECT_ROOT

CHART = PROJECT_ROOT / "helm" / "limner"
PAGE = PROJECT_ROOT / "docs" / "kubernetes.md"
VALUES, SCHEMA = CHART / "values.yaml", CHART / "values.schema.json"
START, END = "<!-- values -->\n", "<!-- end of values -->\n"

_KEY = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z]+):(?: |$)")
_LONG = 40
_GLOBAL = "global"

Schema = dict[str, Any]


@dataclass(frozen=True)
class Value:
    """One line of the table."""

    path: tuple[str, ...]
    default: Any
    comment: str
    schema: Schema

    @property
    def name(self) -> str:
        return ".".join(self.path)


def resolved(schema: Schema, root: Schema) -> Schema:
    """``schema`` with what it refers to."""
    reference = schema.get("$ref", "").removeprefix("#/$defs/")
    return {**root["$defs"][reference], **schema} if reference else schema


def comments() -> dict[tuple[str, ...], str]:
    """The comment right above each key of ``values.yaml``."""
    found: dict[tuple[str, ...], str] = {}
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in VALUES.read_text("utf-8").splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.strip("# "))
            continue
        match = _KEY.match(line)
        if match:
            indent = len(match["indent"])
            path = [*(part for part in path if part[0] < indent), (indent, match["key"])]
            found[tuple(name for _, name in path)] = " ".join(comment)
        comment = []
    return found


def values() -> list[Value]:
    """All values that are not sections, in the order of ``values.yaml``."""
    root = json.loads(SCHEMA.read_text("utf-8"))
    return list(_leaves((), yaml.safe_load(VALUES.read_text("utf-8")), root, root, comments()))


def _leaves(
    path: tuple[str, ...], value: Any, schema: Schema, root: Schema, said: dict[tuple[str, ...], str]
) -> Iterator[Value]:
    schema = resolved(schema, root)
    if "properties" not in schema:
        yield Value(path, value, said.get(path, ""), schema)
        return
    for key, inner in value.items():
        yield from _leaves((*path, key), inner, schema["properties"][key], root, said)


def accepted(schema: Schema) -> str:
    """What a value may be, in a few words."""
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    bounds = [] if low is None else [f"{'above' if 'exclusiveMinimum' in schema else 'from'} {low}"]
    bounds += [f"to {schema['maximum']}"] if "maximum" in schema else []
    return " or ".join(kinds) + (f", {' '.join(bounds)}" if bounds and len(kinds) == 1 else "")


def default_text(value: Any) -> str:
    """A default as one would write it."""
    if value in ("", [], {}):
        return ""
    text = json.dumps(value) if not isinstance(value, str) else value
    return f"`{text}`" if len(text) <= _LONG else "see values.yaml"


def table() -> str:
    rows = (
        f"| `{value.name}` | {accepted(value.schema)} | {default_text(value.default)} | {value.comment} |\n"
        for value in values()
    )
    return "| value | accepts | default | meaning |\n|---|---|---|---|\n" + "".join(rows)


def page() -> str:
    """The page with the table as it should be."""
    before, _, rest = PAGE.read_text("utf-8").partition(START)
    after = rest.partition(END)[2]
    return f"{before}{START}{table()}{END}{after}"


def described_schema() -> str:
    """The schema with the comments as descriptions."""
    root: Schema = json.loads(SCHEMA.read_text("utf-8"))
    for value in values():
        section = root
        for key in value.path:
            # Sections of different components may be one definition; descriptions stand at the values themselves.
            section = section["properties"][key] if "properties" in section else {}
        if section:
            section["description"] = value.comment
    return json.dumps(root, indent=2, ensure_ascii=False) + "\n"


def write(path: Path, text: str) -> None:
    if path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    write(SCHEMA, described_schema())
    write(PAGE, page())
