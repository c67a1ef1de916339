"""The OpenAPI document as a page of plain HTML, made on the server."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

Schema = dict[str, Any]


def render_docs(document: Schema) -> str:
    """The body of the page: every call with its form and its answers."""
    calls = "".join(
        _call(method, path, call) for path, methods in document["paths"].items() for method, call in methods.items()
    )
    schemas = "".join(_schema(name, schema) for name, schema in document["components"]["schemas"].items())
    info = document["info"]
    return (
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{_text(info['description'])}</p>"
        '<p>For programs: <a href="/openapi.json">openapi.json</a></p>'
        f"{calls}<h2>Objects</h2>{schemas}"
    )


def _call(method: str, path: str, call: Schema) -> str:
    form = call.get("requestBody", {}).get("content", {}).get("multipart/form-data", {}).get("schema")
    fields = f"<h3>Form</h3>{_properties(form)}" if form else ""
    answers = "".join(
        f"<tr><td>{escape(status)}</td><td>{_text(answer['description'])}</td>"
        f"<td>{escape(', '.join(answer.get('content', {})))}</td></tr>"
        for status, answer in call["responses"].items()
    )
    return (
        f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
        f"<p>{_text(call.get('summary', ''))}. {_text(call.get('description', ''))}</p>{fields}"
        f"<h3>Answers</h3><table><tr><th>Status</th><th>Meaning</th><th>Type</th></tr>{answers}</table>"
    )


def _schema(name: str, schema: Schema) -> str:
    return f"<h3>{escape(name)}</h3><p>{_text(schema.get('description', ''))}</p>{_properties(schema)}"


def _properties(schema: Schema) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_type(field))}</td>"
        f"<td>{escape(_default(field, name in schema.get('required', ())))}</td>"
        f"<td>{_text(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    return f"<table><tr><th>Name</th><th>Type</th><th>Default</th><th>Meaning</th></tr>{rows}</table>"


def _type(field: Schema) -> str:
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "anyOf" in field:
        return " | ".join(_type(kind) for kind in field["anyOf"])
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if field.get("format") == "binary":
        return "file"
    if "minimum" in field:
        return f"{field['type']}, {field['minimum']:g} to {field['maximum']:g}"
    return str(field.get("type", "any"))


def _default(field: Schema, required: bool) -> str:
    if "default" in field:
        return json.dumps(field["default"])
    return "required" if required else ""


def _text(text: str) -> str:
    """Prose, with `code` in backquotes."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
