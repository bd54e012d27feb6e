"""The form in which a backup lies on a disk: encrypted with a key that follows from the stack's seed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from metal.errors import MetalError
from metal.pki.derive import derive

__all__ = ["BackupKind", "Label", "read_label", "seal", "unseal"]

_MAGIC = b"metalswarm backup 1\n"
_NONCE = 12


class BackupKind(StrEnum):
    CONSUL = "consul"
    SWARM = "swarm"


@dataclass(frozen=True)
class Label:
    """What a backup says of itself in the clear; it cannot be changed without the key.

    :ivar host: that it was taken on.
    :ivar taken: UTC, ISO 8601.
    :ivar swarm: id of the swarm; empty for a Consul snapshot.
    """

    owner: str
    cluster: str
    kind: BackupKind
    host: str
    taken: str
    swarm: str = ""


def seal(seed: bytes, label: Label, content: bytes) -> bytes:
    """Encrypt and authenticate `content` together with its label.

    Source: NIST SP 800-38D (AES-256-GCM); one key a cluster and kind, a random nonce a file.
    """
    head = _MAGIC + json.dumps(asdict(label), sort_keys=True).encode() + b"\n"
    nonce = os.urandom(_NONCE)
    return head + nonce + AESGCM(_key(seed, label)).encrypt(nonce, content, head)


def read_label(sealed: bytes) -> Label:
    """What the backup says it is.

    :raises MetalError: it is no backup of ours.
    """
    return _split(sealed)[0]


def unseal(seed: bytes, sealed: bytes) -> tuple[Label, bytes]:
    """Label and content of a backup.

    :raises MetalError: not a backup, another seed, or changed since.
    """
    label, head, rest = _split(sealed)
    try:
        return label, AESGCM(_key(seed, label)).decrypt(rest[:_NONCE], rest[_NONCE:], head)
    except (InvalidTag, ValueError):
        raise MetalError(
            "the backup does not open with this stack's seed, or was changed or cut off since",
            seen=f"{label.kind} of {label.cluster} ({label.owner}), {label.taken}",
            next_step="set the seed that the stack had then, or take another file",
        ) from None


def _split(sealed: bytes) -> tuple[Label, bytes, bytes]:
    lines = sealed.split(b"\n", 2)
    try:
        if len(lines) != 3 or lines[0] + b"\n" != _MAGIC:
            raise ValueError
        fields = json.loads(lines[1])
        label = Label(**{**fields, "kind": BackupKind(fields["kind"])})
    except (ValueError, TypeError, KeyError):
        raise MetalError(
            "this is no backup of ours", seen=repr(sealed[:24]), next_step="name a file that `metalswarm backup` wrote"
        ) from None
    return label, lines[0] + b"\n" + lines[1] + b"\n", lines[2]


def _key(seed: bytes, label: Label) -> bytes:
    return derive(seed, "backup", label.cluster, label.kind.value)
