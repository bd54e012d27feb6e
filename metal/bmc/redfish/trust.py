"""Which certificate a BMC may show: one that an authority vouches for, or exactly one."""

from __future__ import annotations

import hashlib
import hmac
import ssl
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CertificateRefused", "Trust", "fingerprint_of"]

_PREFIX = "sha256:"


class CertificateRefused(Exception):
    """The BMC's certificate is not the one that is trusted; nothing was sent to it.

    :ivar seen: its fingerprint; empty where the handshake ended before it was seen.
    :ivar pinned: the fingerprint that was wanted; empty where an authority has to vouch.
    """

    def __init__(self, reason: str, *, seen: str = "", pinned: str = "") -> None:
        self.reason = reason
        self.seen = seen
        self.pinned = pinned
        super().__init__(reason)


def fingerprint_of(certificate: bytes) -> str:
    """`sha256:` and 64 hexadecimal digits of a certificate in DER."""
    return _PREFIX + hashlib.sha256(certificate).hexdigest()


@dataclass(frozen=True)
class Trust:
    """:ivar fingerprint: pins one certificate, whatever it says of itself; empty asks an authority.
    :ivar ca: PEM file of the authority; None for the system's own ones.
    """

    fingerprint: str = ""
    ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """:raises CertificateRefused: the authority's file cannot be read."""
        if self.fingerprint:
            return unverified()
        try:
            return ssl.create_default_context(cafile=self.ca)
        except OSError as error:
            raise CertificateRefused(f"{self.ca} is no authority's certificate: {error.strerror or error}") from None

    def check(self, certificate: bytes) -> None:
        """:raises CertificateRefused: another certificate than the pinned one."""
        seen = fingerprint_of(certificate)
        if self.fingerprint and not hmac.compare_digest(seen, self.fingerprint):
            raise CertificateRefused(
                "it shows another certificate than the pinned one", seen=seen, pinned=self.fingerprint
            )

    def refused(self, reason: str) -> CertificateRefused:
        """What to raise where the handshake itself failed."""
        return CertificateRefused(f"its certificate is not trusted: {reason}", pinned=self.fingerprint)


def unverified() -> ssl.SSLContext:
    """For a handshake that is judged by its certificate alone, before anything is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
