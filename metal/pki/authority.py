"""A certificate authority that is computed, not stored."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from metal.pki.derive import derive, derive_ec_key

__all__ = ["BOTH", "FLEET", "Authority", "Usage"]

FLEET = "fleet"
"""The authority of hosts that run an engine and belong to no cluster."""

_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
_YEARS = 20
# A host's clock may be behind the machine that signs; the ready check bounds the skew to seconds.
_BACKDATED = timedelta(hours=1)


class Usage(StrEnum):
    SERVER = "server"
    CLIENT = "client"


BOTH: frozenset[Usage] = frozenset(Usage)

_OIDS = {Usage.SERVER: ExtendedKeyUsageOID.SERVER_AUTH, Usage.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH}


@dataclass(frozen=True)
class Authority:
    """The CA of one cluster at one rotation number.

    :ivar cluster: the cluster's name, or :data:`FLEET`.
    :ivar generation: the rotation number, from 1.
    :ivar certificate: PEM; the same bytes on every machine and in every run.
    """

    cluster: str
    generation: int
    certificate: str
    _key: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    @classmethod
    def of(cls, seed: bytes, cluster: str, generation: int = 1) -> Authority:
        """Derive the authority from the stack's seed.

        Reproducible: derived key and serial, fixed dates (from 2024 on, 20 years for each generation, so that a
        rotation renews), deterministic ECDSA (RFC 6979).
        """
        key = derive_ec_key(seed, cluster, "ca", generation, "key")
        name = _name(f"metalswarm {cluster} CA {generation}")
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(int.from_bytes(derive(seed, cluster, "ca", generation, "serial", length=16), "big") >> 1 | 1)
            .not_valid_before(_EPOCH)
            .not_valid_after(_EPOCH.replace(year=min(_EPOCH.year + _YEARS * generation, 9999)))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
        )
        return cls(cluster, generation, certificate.public_bytes(serialization.Encoding.PEM).decode(), key)

    def sign(
        self,
        csr_pem: str,
        *,
        names: Sequence[str],
        addresses: Sequence[str],
        usages: Collection[Usage],
        days: int,
        common_name: str | None = None,
        now: datetime | None = None,
    ) -> str:
        """Return a certificate (PEM) for the key in a request; everything else the request asks for is ignored.

        :param csr_pem: PKCS#10 request; its signature proves that the asker holds the private key.
        :param names: DNS names; none for a certificate that only a client shows.
        :param addresses: IP addresses.
        :param usages: what the certificate may be used for; at least one.
        :param common_name: for people; default: the first name.
        :param days: validity from now, cut off at the authority's own end.
        :param now: the time to sign at; default: the clock.
        :raises ValueError: for a request whose signature does not fit, or for no name or usage.
        Source: RFC 5280.
        """
        request = x509.load_pem_x509_csr(csr_pem.encode())
        if not request.is_signature_valid:
            raise ValueError("the signature of the certificate request does not fit its key")
        common_name = common_name or next(iter(names), None)
        if not common_name or not usages:
            raise ValueError("a certificate needs a name and at least one usage")
        public = request.public_key()
        if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
            raise ValueError("only P-256 keys are signed")
        start = now or datetime.now(UTC)
        issuer = self.parsed
        subject_names: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        subject_names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(issuer.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(start - _BACKDATED, issuer.not_valid_before_utc))
            .not_valid_after(min(start + timedelta(days=days), issuer.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([_OIDS[usage] for usage in sorted(usages)]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if subject_names:
            builder = builder.add_extension(x509.SubjectAlternativeName(subject_names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256(), ecdsa_deterministic=True)
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def parsed(self) -> x509.Certificate:
        """The certificate, parsed."""
        return x509.load_pem_x509_certificate(self.certificate.encode())

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, 64 hex digits; not secret."""
        return self.parsed.fingerprint(hashes.SHA256()).hex()

    def issued(self, certificate: x509.Certificate) -> bool:
        """Tell whether this authority (this generation of it) signed `certificate`."""
        try:
            certificate.verify_directly_issued_by(self.parsed)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True


def _name(common_name: str) -> x509.Name:
    # RFC 5280, ub-common-name: 64 characters.
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "metalswarm"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64]),
        ]
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
