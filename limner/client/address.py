"""Where the server is, and with which key it is asked."""

from __future__ import annotations

import ipaddress
import os
import re
from typing import Any

import httpx

from limner import __version__
from limner.errors import InvalidOption

KEY_VARIABLE = "LIMNER_API_KEY"
DEFAULT_SERVER = "http://127.0.0.1:8000"

_KEY = re.compile(r"[\x21-\x7e]{1,1024}")


def server_url(server: str) -> httpx.URL:
    """``server`` as a URL; it may end in a path, under which a proxy shows the API.

    Raises:
        InvalidOption: it is no http or https URL, or holds more than an address.
    """
    try:
        url = httpx.URL(server.strip())
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host or not 0 < (url.port or 1) < 65_536:
        raise InvalidOption(f"The server is {server[:100]!r}; name it like {DEFAULT_SERVER}.")
    if url.userinfo or url.query or url.fragment:
        # Not shown: it may hold a password.
        raise InvalidOption(f"The server's address holds more than {url.scheme}://host:port/path. Leave the rest out.")
    return url


def is_loopback(url: httpx.URL) -> bool:
    """Whether ``url`` leads to this machine by its name or number."""
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return url.host == "localhost" or url.host.endswith(".localhost")


def checked_key(given: str | None) -> str | None:
    """The key as given, else that of ``LIMNER_API_KEY``; None where there is none.

    Raises:
        InvalidOption: it holds characters that no header may hold.
    """
    key = (os.environ.get(KEY_VARIABLE, "") if given is None else given).strip()
    if key and not _KEY.fullmatch(key):
        raise InvalidOption("The API key holds characters that no key has. Copy it anew.")
    return key or None


def http_arguments(url: httpx.URL, key: str | None) -> dict[str, Any]:
    """Arguments for ``httpx.Client`` and ``httpx.AsyncClient``.

    Proxies and certificates of the environment (``HTTPS_PROXY``, ``SSL_CERT_FILE``) count, but this machine is asked
    directly. Redirects are not followed: a key goes to the server that was named, and to no other.
    """
    headers = {
        "User-Agent": f"limner/{__version__}",
        # Photos are compressed already, and what is not unpacked is no bomb.
        "Accept-Encoding": "identity",
        **({} if key is None else {"Authorization": f"Bearer {key}"}),
    }
    host = f"[{url.host}]" if ":" in url.host else url.host
    direct = {f"{url.scheme}://{host}:{url.port}" if url.port else f"{url.scheme}://{host}": None}
    return {
        "base_url": url,
        "headers": headers,
        "follow_redirects": False,
        "mounts": direct if is_loopback(url) else {},
    }
