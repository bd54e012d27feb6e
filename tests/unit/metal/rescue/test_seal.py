"""A backup opens with its seed, whole and unchanged, or not at all."""

from __future__ import annotations

import pytest

from metal.errors import MetalError
from metal.rescue.seal import BackupKind, Label, read_label, seal, unseal

SEED = bytes(range(32))
LABEL = Label("shop/prod", "blue", BackupKind.SWARM, "n1", "2026-01-02T03:04:05.000000Z", "swarm1")
CONTENT = b"raft " * 1000


def test_what_was_sealed_comes_back() -> None:
    sealed = seal(SEED, LABEL, CONTENT)
    assert unseal(SEED, sealed) == (LABEL, CONTENT)
    assert read_label(sealed) == LABEL
    assert b"raft" not in sealed
    assert seal(SEED, LABEL, CONTENT) != sealed, "a nonce is used once"


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: sealed[:-1],
        lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
        lambda sealed: sealed.replace(b'"n1"', b'"n2"'),
        lambda sealed: sealed[: sealed.index(b"}") + 2],
    ],
)
def test_a_change_or_a_cut_is_noticed(change) -> None:
    with pytest.raises(MetalError, match="changed or cut off"):
        unseal(SEED, change(seal(SEED, LABEL, CONTENT)))


def test_another_seed_or_file_is_refused() -> None:
    with pytest.raises(MetalError, match="does not open with this stack's seed"):
        unseal(bytes(32), seal(SEED, LABEL, CONTENT))
    for other in (b"", b"hello\n", b"metalswarm backup 1\n{}\nx"):
        with pytest.raises(MetalError, match="no backup of ours"):
            read_label(other)
