"""A real nginx with the configuration of ``deploy/nginx``, on loopback ports of its own, as an ordinary user."""

from __future__ import annotations

import datetime
import json
import os
import pwd
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from limner.settings import PROJECT_ROOT
from serving.process import free_port

CONFIGURATION = PROJECT_ROOT / "deploy" / "nginx"
NAME = "localhost"
"""What the server is called by."""

_SECONDS = 30.0
_USER = "nobody"


class Nginx:
    """nginx before the gateways at ``gateway``; it listens when the constructor returns.

    What stands in the configuration for the container (ports, folders) is replaced by what the test has, and the
    template filled in as the image's ``envsubst`` does.
    """

    def __init__(
        self,
        program: str,
        folder: Path,
        gateway: str,
        resolver: str = "127.0.0.1:1",
        changes: Mapping[str, str] | None = None,
    ) -> None:
        self.port, self.http_port, self.local_port = free_port(), free_port(), free_port()
        self._program, self.folder = program, folder
        self.log, self.errors = folder / "access.log", folder / "error.log"
        self._values = {
            "LIMNER_SERVER_NAME": NAME,
            "LIMNER_GATEWAY": gateway,
            "LIMNER_RESOLVER": resolver,
            "LIMNER_HTTPS_PORT": str(self.port),
        }
        self._render(dict(changes or {}))
        self.trusting = ssl.create_default_context(cafile=str(folder / "tls_cert"))
        self._process = self._start()
        self.client = self.new_client()

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.port}"

    @property
    def pids(self) -> list[int]:
        """Of the master and its workers."""
        master = psutil.Process(self._process.pid)
        return [master.pid, *(child.pid for child in master.children())]

    def new_client(self, source: str = "127.0.0.1", **options: Any) -> httpx.Client:
        """A client with connections of its own, from ``source``."""
        transport = httpx.HTTPTransport(verify=self.trusting, local_address=source)
        return httpx.Client(base_url=self.url, transport=transport, timeout=60, **options)

    def connect(self, receive_buffer: int | None = None) -> ssl.SSLSocket:
        """A bare connection over TLS; ``receive_buffer`` bounds, in bytes, what the kernel takes unread."""
        bare = socket.socket()
        bare.settimeout(_SECONDS)
        if receive_buffer is not None:
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        bare.connect(("127.0.0.1", self.port))
        return self.trusting.wrap_socket(bare, server_hostname=NAME)

    def lines(self) -> list[dict[str, Any]]:
        """Of the access log."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]

    def logged(self) -> str:
        """All that it has written to any log."""
        return self.log.read_text("utf-8") + self.errors.read_text("utf-8")

    def stop(self) -> int:
        self.client.close()
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(_SECONDS)

    def command(self, *more: str) -> list[str]:
        configuration = self.folder / "etc" / "nginx.conf"
        return [self._program, "-e", "stderr", "-c", str(configuration), "-g", "daemon off;", *more]

    def _render(self, changes: dict[str, str]) -> None:
        """Write the configuration, with ``changes`` made to it: text by text."""
        replaced = {
            "/tmp/": f"{self.folder}/",  # the first, because the folder lies in it
            "listen 8443": f"listen 127.0.0.1:{self.port}",
            "listen 8080": f"listen 127.0.0.1:{self.http_port}",
            "127.0.0.1:8081": f"127.0.0.1:{self.local_port}",
            "/etc/nginx/": f"{self.folder}/etc/",
            "/run/secrets/": f"{self.folder}/",
            "/var/lib/acme": f"{self.folder}/acme",
            "processes auto": "processes 1",
        }
        made = self.folder / "etc"
        shutil.copytree(CONFIGURATION, made)
        texts = {path: path.read_text() for path in (made / "nginx.conf", *made.glob("limner/*.conf"))}
        template = (made / "templates" / "limner.conf.template").read_text()
        filled = re.sub(r"\$\{(LIMNER_\w+)\}", lambda found: self._values[found[1]], template)
        texts[self.folder / "limner.conf"] = filled
        for old, new in (replaced | changes).items():
            assert any(old in text for text in texts.values()), f"{old} is not in the configuration"
            texts = {path: text.replace(old, new) for path, text in texts.items()}
        for path, text in texts.items():
            path.write_text(text)
        write_certificate(self.folder / "tls_cert", self.folder / "tls_key")
        self._give_to_user()

    def _give_to_user(self) -> None:
        """In a container, too, the pipes of the logs belong to the user, and nothing else has to."""
        for path in (self.log, self.errors):
            path.touch()
        if os.geteuid() == 0:
            user = pwd.getpwnam(_USER)
            for path in (self.folder, self.log, self.errors, self.folder / "tls_key"):
                os.chown(path, user.pw_uid, user.pw_gid)

    def _start(self) -> subprocess.Popen[bytes]:
        options: dict[str, Any] = {"user": _USER, "group": "nogroup"} if os.geteuid() == 0 else {}
        with self.log.open("ab") as log, self.errors.open("ab") as errors:
            process = subprocess.Popen(self.command(), stdout=log, stderr=errors, **options)
        deadline = time.monotonic() + _SECONDS
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise AssertionError(self.errors.read_text())
            time.sleep(0.02)
        return process

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.local_port}/alive").status_code == 204
        except httpx.TransportError:
            return False


def write_certificate(certificate: Path, key: Path) -> None:
    """A certificate for :data:`NAME` that is its own authority, and its key."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, secret.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key.write_bytes(secret.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    key.chmod(0o400)
