"""Where pip looks for packages, told to uv, which reads none of pip's files and variables.

So mirrors, folders of wheels and certificates are set up once, for pip. They go into the environment of uv rather than
onto its command line, where others could read passwords of an index.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

_SECTIONS = ("global", "install", ":env:")
"""Of pip's configuration; later ones outweigh earlier ones."""


def uv_environment(listing: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a uv that takes packages from where pip takes them.

    Args:
        listing: what ``pip config list`` printed: lines such as ``global.index-url='https://…'``.
        environment: the present one; what it says of uv is kept.
    """
    pip = _merged(listing)
    told = {
        "UV_DEFAULT_INDEX": pip.get("index-url", ""),
        "UV_INDEX": " ".join(pip.get("extra-index-url", "").split()),
        "UV_FIND_LINKS": ",".join(pip.get("find-links", "").split()),
        "UV_CONSTRAINT": " ".join(pip.get("constraint", "").split()),
        "UV_INSECURE_HOST": " ".join(pip.get("trusted-host", "").split()),
        "UV_NO_INDEX": "1" if pip.get("no-index", "").lower() in {"1", "true", "yes", "on"} else "",
        "SSL_CERT_FILE": pip.get("cert", ""),
        # pip takes the best version of all places, and so may uv: nobody else's package is called torch.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    return {name: value for name, value in told.items() if value} | dict(environment)


def _merged(listing: str) -> dict[str, str]:
    sections: dict[str, dict[str, str]] = {name: {} for name in _SECTIONS}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.strip().rpartition(".")
        if section in sections:
            sections[section][name] = str(ast.literal_eval(value))
    return {name: value for section in sections.values() for name, value in section.items()}
