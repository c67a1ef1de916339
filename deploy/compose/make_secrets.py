#!/usr/bin/env python3
"""Makes the secrets that compose.yaml names, into ``secrets/`` beside this file. What is there already is kept.

Python's standard library, and the program ``openssl`` unless a certificate is given. The folder is its owner's alone,
so nobody else on this machine reaches the files; the files are readable for all, since in a container it is a user with
another number who reads them, and each container gets only those that it needs.
"""

from __future__ import annotations

import argparse
import base64
import getpass
import hashlib
import ipaddress
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"
DAYS = 397
"""Browsers take no certificate that is good for longer."""

Files = dict[str, bytes]

_LIMNER_MAY = "~limner:* &* +@all -@admin -@dangerous +config|get +info"
"""Gateways use the keys that are theirs and ask how Redis is set up; they neither change that nor write to a disk."""


def main() -> None:
    arguments = _parse()
    folder = arguments.folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    steps: list[tuple[tuple[str, ...], Callable[[], Files]]] = [
        (("limner_api_keys", "metrics_key"), lambda: api_keys(arguments.name)),
        (("limner_redis_url", "redis_user.conf"), redis_password),
        (("grafana_admin_password",), grafana_password),
        (("tls_cert", "tls_key"), lambda: certificate(arguments.host, arguments.tls_cert, arguments.tls_key, folder)),
    ]
    if arguments.elastic:
        steps.append((("elasticsearch_key.yml",), elasticsearch_key))
    for names, make in steps:
        bring(folder, names, make)


def bring(folder: Path, names: tuple[str, ...], make: Callable[[], Files]) -> None:
    """Write files that belong together, unless they are there.

    Raises:
        SystemExit: some of them are missing, so that the others are of no use.
    """
    there = [name for name in names if (folder / name).exists()]
    if len(there) == len(names):
        tell(f"kept:  {', '.join(names)}")
        return
    if there:
        sys.exit(f"{folder} has {', '.join(there)} but not all of {', '.join(names)}. Delete it, and run this again.")
    for name, content in make().items():
        write(folder / name, content)
    tell(f"made:  {', '.join(names)}")


def write(path: Path, content: bytes) -> None:
    """Whole or not at all, and never over a file that is there."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    part.chmod(0o444)
    part.rename(path)


def api_keys(name: str) -> Files:
    """A key for the first client, which is shown, and one for Prometheus. The gateways get their hashes."""
    client, metrics = f"limner_{random_text()}", f"limner_{random_text()}"
    entries = f"{name}:{sha256(client)},prometheus:{sha256(metrics)}:metrics"
    tell(f"The API key of {name}, shown this once:  {client}")
    return {"limner_api_keys": entries.encode(), "metrics_key": metrics.encode()}


def redis_password() -> Files:
    password = random_text()
    return {
        "limner_redis_url": f"redis://:{password}@redis:6379/0".encode(),
        "redis_user.conf": f"user default on >{password} {_LIMNER_MAY}\n".encode(),
    }


def grafana_password() -> Files:
    tell("The password of Grafana's user admin is in the file grafana_admin_password.")
    return {"grafana_admin_password": random_text().encode()}


def certificate(host: str, cert: Path | None, key: Path | None, folder: Path) -> Files:
    """The given certificate, else one that signs itself, for ``host``."""
    if cert is not None and key is not None:
        return {"tls_cert": cert.read_bytes(), "tls_key": key.read_bytes()}
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        made, private = Path(temporary, "cert"), Path(temporary, "key")
        command = [
            *("openssl", "req", "-x509", "-nodes", "-days", str(DAYS)),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", str(private), "-out", str(made)),
            *("-subj", f"/CN={host}", "-addext", f"subjectAltName={alternative_name(host)}"),
            *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature"),
            *("-addext", "extendedKeyUsage=serverAuth"),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - built here
        except FileNotFoundError:
            sys.exit("The program openssl is missing. Install it, or give a certificate: --tls-cert and --tls-key.")
        if done.returncode:
            sys.exit(f"openssl made no certificate for {host}: {done.stderr.strip()}")
        tell(f"The certificate for {host} signs itself: browsers warn. --tls-cert and --tls-key take a better one.")
        return {"tls_cert": made.read_bytes(), "tls_key": private.read_bytes()}


def elasticsearch_key() -> Files:
    """Asked for, since arguments can be seen by everybody on the machine."""
    key = getpass.getpass("API key of Elasticsearch (ID:KEY): ") if sys.stdin.isatty() else sys.stdin.readline()
    if not re.fullmatch(r"[\w-]+:[\w-]+", key.strip()):
        sys.exit("That is no API key of Elasticsearch, which is written ID:KEY.")
    return {"elasticsearch_key.yml": f'output.elasticsearch.api_key: "{key.strip()}"\n'.encode()}


def alternative_name(host: str) -> str:
    """``host`` as openssl wants it."""
    try:
        return f"IP:{ipaddress.ip_address(host)}"
    except ValueError:
        return f"DNS:{host}"


def random_text() -> str:
    """256 random bits, in signs that need no escape in a URL."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def tell(text: str) -> None:
    print(text)  # noqa: T201 - a command


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make the secrets of compose.yaml. What is there is kept.")
    parser.add_argument("--name", default="first", type=_name, help="of the first client that gets an API key")
    parser.add_argument("--host", default="localhost", type=_host, help="that the certificate is for: SERVER_NAME")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain (PEM), in place of a new one")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key (PEM), without a password")
    parser.add_argument("--elastic", action="store_true", help="ask for an API key of Elasticsearch, for Filebeat")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if (arguments.tls_cert is None) != (arguments.tls_key is None):
        parser.error("--tls-cert and --tls-key belong together")
    return arguments


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text) or text == "prometheus":
        raise argparse.ArgumentTypeError("a name has at most 64 letters, digits, dots, dashes, underscores")
    return text


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", text):
        raise argparse.ArgumentTypeError("a host is a name or an address")
    return text


if __name__ == "__main__":
    main()
