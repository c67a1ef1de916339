"""``limner key``: a new API key, and its entry for ``LIMNER_API_KEYS``."""

from __future__ import annotations

import click


@click.command("key")
@click.argument("name", required=False)
@click.option("--roles", help="What it may do: enhance, metrics, admin; several are joined by +.  [default: enhance]")
@click.option("--limit", help="Its own rate limit, such as 100/minute;5000/day.  [default: LIMNER_RATE_LIMIT]")
def key(name: str | None, roles: str | None, limit: str | None) -> None:
    """Make a key for a client called NAME. The key is shown this once; what the gateway gets is its hash."""
    from gateway.access.keys import hash_of, new_key, parse_entry  # noqa: PLC0415

    secret = new_key()
    digest = hash_of(secret)
    entry = ":".join((name or digest[:8], digest, roles or "", limit or "")).rstrip(":")
    parse_entry(entry)
    click.echo(f"Key, for the client:          {secret}")
    click.echo(f"Entry, for LIMNER_API_KEYS:   {entry}")
