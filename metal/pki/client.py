"""Certificates of people and of our own calls: the key is made where it is used."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from metal.pki.authority import Authority, Usage

__all__ = ["client_certificate"]


def client_certificate(authority: Authority, name: str, days: int, *, now: datetime | None = None) -> tuple[str, str]:
    """Make a fresh P-256 key and a client certificate for it.

    :param name: who uses it; the certificate's common name, any text.
    :param days: validity.
    :return: (certificate, private key), both PEM; the key is PKCS#8 and not encrypted: store it with mode 0600.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )
    certificate = authority.sign(
        request, names=[], addresses=[], usages={Usage.CLIENT}, days=days, common_name=name, now=now
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return certificate, pem
