"""Cipher suites (IPMI 2.0 section 22.15.2): which algorithms a session uses."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

__all__ = ["SUITE_3", "SUITE_17", "CipherSuite"]


@dataclass(frozen=True)
class CipherSuite:
    """Numbers of the three algorithms and what follows from them.

    :ivar digest: name of the hash under every HMAC of the session.
    :ivar check_length: bytes kept of an integrity check value.
    """

    number: int
    authentication: int
    integrity: int
    confidentiality: int
    digest: str
    check_length: int

    def hmac(self, key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, self.digest)

    @property
    def digest_length(self) -> int:
        return hashlib.new(self.digest, usedforsecurity=False).digest_size


SUITE_3 = CipherSuite(3, 1, 1, 1, "sha1", 12)
SUITE_17 = CipherSuite(17, 3, 4, 1, "sha256", 16)
