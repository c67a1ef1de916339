"""TLS: what is spoken, and what is told of files that are wrong."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway import connection
from gateway.server import build_server
from limner.errors import SettingsError
from limner.settings import Settings
from tests.gateway.running import BODY, serving, small_app

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def tls(tmp_path: Path) -> Settings:
    """Settings with a certificate for 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    settings = Settings(tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "key.pem")
    assert settings.tls_cert is not None
    settings.tls_cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    write_key(settings, key, serialization.NoEncryption())
    return settings


def write_key(
    settings: Settings, key: ec.EllipticCurvePrivateKey, encryption: serialization.KeySerializationEncryption
) -> None:
    assert settings.tls_key is not None
    pkcs8 = serialization.PrivateFormat.PKCS8
    settings.tls_key.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, encryption))


async def test_tls(tls: Settings) -> None:
    trusting = ssl.create_default_context(cafile=str(tls.tls_cert))
    async with serving(tls) as (_, port):
        async with httpx.AsyncClient(verify=trusting) as client:
            answer = await client.get(f"https://127.0.0.1:{port}/large")
        assert answer.content == BODY
        assert "max-age" in answer.headers["strict-transport-security"]
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            trusting.minimum_version = trusting.maximum_version = version
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
            assert writer.get_extra_info("cipher")[0].startswith(("ECDHE-", "TLS_"))
            writer.close()
            await writer.wait_closed()


async def test_weak_tls_is_refused(tls: Settings) -> None:
    trusting = ssl.create_default_context(cafile=str(tls.tls_cert))
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    trusting.set_ciphers("ECDHE-ECDSA-AES128-SHA256:AES128-SHA")
    async with serving(tls) as (_, port):
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=trusting)


@pytest.mark.parametrize("header", [b"", b"Connection: close\r\n"], ids=["kept alive", "closed"])
@pytest.mark.parametrize("reads", [True, False])
async def test_slow_clients(tls: Settings, monkeypatch: pytest.MonkeyPatch, header: bytes, reads: bool) -> None:
    """Who reads slowly gets all, and who does not read is cut off."""
    monkeypatch.setattr(connection, "STALL_SECONDS", 1.0)
    trusting = ssl.create_default_context(cafile=str(tls.tls_cert))
    async with serving(tls) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        left = len(BODY)
        while reads and left:
            left -= len(await reader.readexactly(min(1_000_000, left)))
            await asyncio.sleep(0.08)
        while not reads and server.server_state.connections:
            await asyncio.sleep(0.05)
        writer.transport.abort()


def spoil_no_key_set(settings: Settings) -> Settings:
    return settings.model_copy(update={"tls_key": None})


def spoil_no_certificate_set(settings: Settings) -> Settings:
    return settings.model_copy(update={"tls_cert": None})


def spoil_missing(settings: Settings) -> Settings:
    return settings.model_copy(update={"tls_cert": Path("/nowhere/cert.pem")})


def spoil_swapped(settings: Settings) -> Settings:
    return settings.model_copy(update={"tls_cert": settings.tls_key})


def spoil_key(settings: Settings) -> Settings:
    return settings.model_copy(update={"tls_key": settings.tls_cert})


def spoil_other_key(settings: Settings) -> Settings:
    write_key(settings, ec.generate_private_key(ec.SECP256R1()), serialization.NoEncryption())
    return settings


def spoil_encrypted(settings: Settings) -> Settings:
    write_key(settings, ec.generate_private_key(ec.SECP256R1()), serialization.BestAvailableEncryption(b"secret"))
    return settings


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_no_key_set, "LIMNER_TLS_KEY is not set"),
        (spoil_no_certificate_set, "LIMNER_TLS_CERT is not set"),
        (spoil_missing, "LIMNER_TLS_CERT cannot be read: No such file"),
        (spoil_swapped, "LIMNER_TLS_CERT holds no certificate"),
        (spoil_key, "LIMNER_TLS_KEY holds no private key"),
        (spoil_other_key, "LIMNER_TLS_KEY does not go with LIMNER_TLS_CERT"),
        (spoil_encrypted, "LIMNER_TLS_KEY is encrypted"),
    ],
)
def test_wrong_files_are_told_before_anything_listens(
    tls: Settings, spoil: Callable[[Settings], Settings], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        build_server(small_app(), spoil(tls))
