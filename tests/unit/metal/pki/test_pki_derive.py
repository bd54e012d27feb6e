from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from metal.pki.derive import derive, derive_ec_key
from metal.pki.secrets import ClusterSecrets, fingerprint, gossip_key

SEED = bytes(range(32))


@dataclass(frozen=True)
class Numbers:
    ca: int = 1
    gossip: int = 1
    acl: int = 1


def test_derived_bytes_never_change() -> None:
    # A change here would give every cluster in the field a new identity.
    assert derive(SEED, "blue", "gossip", 1).hex() == "c3e7fd5b9c679a6ee242a184ac3f10a0e33f311a3ee6b27f7e7a260fe8966af2"
    assert derive_ec_key(SEED, "blue", "ca", 1, "key").private_numbers().private_value == int(
        "a65629293fcc4cb6f9fde216193db977bfcaadb6ed548359418e12af0f28a21d", 16
    )


@given(st.lists(st.text(max_size=4), min_size=1, max_size=4), st.lists(st.text(max_size=4), min_size=1, max_size=4))
def test_different_labels_give_different_bytes(one: list[str], other: list[str]) -> None:
    assert (derive(SEED, *one) == derive(SEED, *other)) == (one == other)


def test_short_seed_and_missing_label_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        derive(SEED[:31], "a")
    with pytest.raises(ValueError, match="label"):
        derive(SEED)


def test_key_is_a_p256_key_for_every_seed() -> None:
    for seed in (b"\0" * 32, b"\xff" * 32):
        key = derive_ec_key(seed, "x")
        assert key.curve.name == "secp256r1"
        assert key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def test_identity_survives_rotations_and_the_rest_rotates_alone() -> None:
    first = ClusterSecrets.derive(SEED, "blue", Numbers())
    gossip = ClusterSecrets.derive(SEED, "blue", Numbers(gossip=2))
    acl = ClusterSecrets.derive(SEED, "blue", Numbers(acl=2))
    other = ClusterSecrets.derive(SEED, "green", Numbers())
    assert first.uuid == gossip.uuid == acl.uuid != other.uuid
    assert first.gossip_key == acl.gossip_key != gossip.gossip_key
    assert first.management_token == gossip.management_token != acl.management_token
    assert first.agent_token("n1") == gossip.agent_token("n1") != acl.agent_token("n1")
    assert gossip.gossip_key == gossip_key(SEED, "blue", 2)


def test_formats_are_those_of_consul() -> None:
    secrets = ClusterSecrets.derive(SEED, "blue", Numbers())
    assert len(base64.b64decode(secrets.gossip_key)) == 32
    tokens = [
        secrets.uuid,
        secrets.management_token,
        secrets.agent_token("n1"),
        secrets.agent_token("n2"),
        secrets.agent_accessor("n1"),
        secrets.swarm_token("n1"),
        secrets.swarm_accessor("n1"),
    ]
    assert len(set(tokens)) == len(tokens)
    assert all(str(uuid.UUID(token)) == token and uuid.UUID(token).version == 4 for token in tokens)


def test_repr_shows_no_secret() -> None:
    secrets = ClusterSecrets.derive(SEED, "blue", Numbers())
    shown = repr(secrets) + str(secrets)
    for secret in (secrets.uuid, secrets.gossip_key, secrets.management_token, SEED.hex(), repr(SEED)):
        assert secret not in shown


def test_fingerprint_tells_apart_and_is_short() -> None:
    assert fingerprint("a") != fingerprint("b")
    assert fingerprint("a") == fingerprint(b"a")
    assert len(fingerprint("a")) == 12
