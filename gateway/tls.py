"""TLS for a gateway without a proxy in front."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from limner.errors import SettingsError
from limner.settings import Settings

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has no others."""


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """TLS 1.2 and 1.3 with the certificate and key that ``settings`` name; None where they name none.

    Raises:
        SettingsError: naming the variable whose file is missing or wrong.
    """
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        unset = "LIMNER_TLS_CERT" if cert is None else "LIMNER_TLS_KEY"
        raise SettingsError(f"{unset} is not set. TLS needs both LIMNER_TLS_CERT and LIMNER_TLS_KEY.")
    _check_certificate(_read(cert, "LIMNER_TLS_CERT"))
    _check_key(_read(key, "LIMNER_TLS_KEY"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key)
    except ssl.SSLError as error:
        reason = error.reason or "unknown reason"
        raise SettingsError(f"LIMNER_TLS_KEY does not go with LIMNER_TLS_CERT ({reason}).") from None
    return context


def _read(path: Path, variable: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{variable} cannot be read: {error.strerror}.") from None


def _check_certificate(pem: bytes) -> None:
    try:
        load_pem_x509_certificates(pem)
    except ValueError:
        raise SettingsError("LIMNER_TLS_CERT holds no certificate. It must be PEM, the server's own first.") from None


def _check_key(pem: bytes) -> None:
    """OpenSSL would ask for the password of an encrypted key on the terminal, and wait."""
    try:
        load_pem_private_key(pem, password=None)
    except TypeError:
        raise SettingsError("LIMNER_TLS_KEY is encrypted. Store it without a password.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsError("LIMNER_TLS_KEY holds no private key. It must be PEM.") from None
