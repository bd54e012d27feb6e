"""Key material derived from the stack's one seed, so that no secret has to be stored twice."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["SEED_BYTES", "derive", "derive_ec_key"]

SEED_BYTES = 32
_SALT = b"metalswarm/1"
# FIPS 186-5, curve P-256: the order of the base point.
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def derive(seed: bytes, *labels: str | int, length: int = 32) -> bytes:
    """Return `length` bytes that depend on the seed and on every label.

    Labels are length-prefixed, so that ("ab", "c") and ("a", "bc") have nothing in common.

    :param seed: the stack's secret, at least 32 bytes.
    :param labels: what the bytes are for: cluster, kind, rotation number.
    :param length: bytes wanted, at most 8160.
    :raises ValueError: for a seed that is too short or for no label at all.
    Source: RFC 5869 (HKDF) with SHA-256.
    """
    if len(seed) < SEED_BYTES:
        raise ValueError(f"the seed must have at least {SEED_BYTES} bytes")
    if not labels:
        raise ValueError("at least one label is needed")
    info = b"".join(len(part).to_bytes(4, "big") + part for part in (str(label).encode() for label in labels))
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=_SALT, info=info).derive(seed)


def derive_ec_key(seed: bytes, *labels: str | int) -> ec.EllipticCurvePrivateKey:
    """Return the P-256 private key for these labels; the same one every time.

    Source: FIPS 186-5, A.2.1: 128 bits more than the order are reduced modulo n - 1, then one is added, so the
    scalar is never 0 and its bias cannot be measured.
    """
    wide = int.from_bytes(derive(seed, *labels, length=48), "big")
    return ec.derive_private_key(wide % (_P256_ORDER - 1) + 1, ec.SECP256R1())
