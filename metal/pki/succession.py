"""An authority, the one after it, and those before: who trusts which of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from metal.pki.authority import Authority

__all__ = ["generation_of", "generations_in", "joined", "trusted"]


def trusted(seed: bytes, cluster: str, generation: int) -> str:
    """What a member trusts when no rotation is under way: its authority and, ahead, the next one (PEM).

    The next one has signed nothing yet and its key is derived, not stored, so trusting it gives nobody anything. It
    lets a rotation begin with new certificates, which an engine can take only by a restart.
    """
    return _authority(seed, cluster, generation).certificate + _authority(seed, cluster, generation + 1).certificate


def joined(*bundles: str) -> str:
    """Every certificate of some bundles, each once, in order (PEM)."""
    found = {one.fingerprint(hashes.SHA256()): one for bundle in bundles for one in _parsed(bundle)}
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in found.values())


def generations_in(seed: bytes, cluster: str, bundle: str | None, known: Iterable[int]) -> frozenset[int]:
    """Which of the `known` generations of a cluster's authority are in a bundle."""
    found = {one.fingerprint(hashes.SHA256()).hex() for one in _parsed(bundle or "")}
    return frozenset(number for number in known if _authority(seed, cluster, number).fingerprint in found)


def generation_of(seed: bytes, cluster: str, certificate: str | None, known: Iterable[int]) -> int | None:
    """Which of the `known` generations signed a certificate (PEM); None for none of them."""
    leaves = _parsed(certificate or "")
    if not leaves:
        return None
    return next((number for number in known if _authority(seed, cluster, number).issued(leaves[0])), None)


@lru_cache(maxsize=64)
def _authority(seed: bytes, cluster: str, generation: int) -> Authority:
    return Authority.of(seed, cluster, generation)


def _parsed(bundle: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(bundle.encode())
    except ValueError:
        return []
