"""Decides whether a host's certificate has to be made anew."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from metal.pki.authority import Authority, Usage

__all__ = ["CertificateSeen", "CertificateWish", "foreign_namesake", "signing_reason"]


@dataclass(frozen=True)
class CertificateSeen:
    """What lies on a host; None for what is not there.

    :ivar public_key: PEM of the public half of the private key there.
    :ivar certificate: PEM.
    """

    public_key: str | None
    certificate: str | None


@dataclass(frozen=True)
class CertificateWish:
    """What a certificate has to say.

    :ivar renew_before_days: a certificate with fewer days left is made anew.
    """

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    usages: frozenset[Usage]
    renew_before_days: int


def foreign_namesake(authority_seen: str | None, authority: Authority) -> bool:
    """Tell whether an authority that a host trusts has the name of `authority` and is another one.

    Name and rotation number being the same, only the seed can differ: signing anew would cut the host off from the
    cluster that was made with the other one.

    :param authority_seen: one or more, PEM, as they lie on the host; None where there is none.
    """
    if authority_seen is None:
        return False
    try:
        found = x509.load_pem_x509_certificates(authority_seen.encode())
    except ValueError:
        return False
    wanted = authority.parsed
    return any(seen.subject == wanted.subject and seen.public_key() != wanted.public_key() for seen in found)


def signing_reason(seen: CertificateSeen, wish: CertificateWish, authority: Authority, now: datetime) -> str | None:
    """Return why a new certificate is needed, or None when the present one will do."""
    if seen.public_key is None:
        return "there is no private key"
    if seen.certificate is None:
        return "there is no certificate"
    try:
        certificate = x509.load_pem_x509_certificate(seen.certificate.encode())
        key = serialization.load_pem_public_key(seen.public_key.encode())
    except ValueError:
        return "key or certificate cannot be read"
    if certificate.public_key() != key:
        return "certificate and key do not belong together"
    if not authority.issued(certificate):
        return "the authority changed"
    left = certificate.not_valid_after_utc - now
    # A certificate that ends with its authority cannot be made to last longer.
    ends_with_authority = certificate.not_valid_after_utc >= authority.parsed.not_valid_after_utc
    if left <= timedelta(0) or (left < timedelta(days=wish.renew_before_days) and not ends_with_authority):
        return f"it ends on {certificate.not_valid_after_utc:%Y-%m-%d}"
    if certificate.not_valid_before_utc > now:
        return f"it is valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} on"
    if _subjects(certificate) != (set(wish.names), {ipaddress.ip_address(one) for one in wish.addresses}):
        return "names or addresses changed"
    if _usages(certificate) != wish.usages:
        return "its usages changed"
    return None


def _subjects(certificate: x509.Certificate) -> tuple[set[str], set[ipaddress.IPv4Address | ipaddress.IPv6Address]]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set(), set()
    addresses = {
        one
        for one in found.get_values_for_type(x509.IPAddress)
        if isinstance(one, ipaddress.IPv4Address | ipaddress.IPv6Address)
    }
    return set(found.get_values_for_type(x509.DNSName)), addresses


def _usages(certificate: x509.Certificate) -> frozenset[Usage]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset()
    known = {ExtendedKeyUsageOID.SERVER_AUTH: Usage.SERVER, ExtendedKeyUsageOID.CLIENT_AUTH: Usage.CLIENT}
    return frozenset(known[oid] for oid in found if oid in known)
