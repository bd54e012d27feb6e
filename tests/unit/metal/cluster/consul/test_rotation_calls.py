"""Calls while a cluster is moved to new secrets: the wanted ones first, older ones only where they are still in use."""

from __future__ import annotations

import httpx
import pytest

from metal.cluster.consul.api import ConsulApi, ConsulRefused, ConsulSilent
from metal.cluster.consul.gossip import is_stale
from metal.cluster.consul.keys import AgentKeys
from metal.pki.succession import generations_in, trusted
from metal.settings.fleet import Identity

SEED = bytes(range(32))


def agent(*known: str) -> tuple[httpx.Client, list[str]]:
    """An agent that knows some tokens, and the tokens it was asked with."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["X-Consul-Token"])
        if asked[-1] in known:
            return httpx.Response(200, json={"as": asked[-1]})
        return httpx.Response(403, text="rpc error making call: ACL not found")

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="https://localhost"), asked


def test_an_older_token_is_tried_only_when_the_wanted_one_is_unknown() -> None:
    client, asked = agent("new", "old")
    assert ConsulApi("n1", client, ("new", "old")).get("kv/x") == {"as": "new"}
    assert asked == ["new"]
    client, asked = agent("old")
    api = ConsulApi("n1", client, ("new", "old"))
    assert api.get("kv/x") == {"as": "old"}
    assert asked == ["new", "old"]
    with pytest.raises(ConsulRefused):
        api.with_token("new").get("kv/x")


def test_a_permission_that_is_lacking_is_not_asked_for_with_another_token() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["X-Consul-Token"])
        return httpx.Response(403, text="Permission denied")

    client = httpx.Client(transport=httpx.MockTransport(answer), base_url="https://localhost")
    with pytest.raises(ConsulRefused, match="refused"):
        ConsulApi("n1", client, ("new", "old")).get("kv/x")
    assert asked == ["new"]


def test_an_older_authority_is_trusted_once_its_host_says_so_and_only_for_a_refused_certificate() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(said[0])

    said = ["[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"]
    client = httpx.Client(transport=httpx.MockTransport(refuse), base_url="https://localhost")
    trusting, _ = agent("new")
    assert ConsulApi("n1", client, ("new",), lambda: trusting).get("kv/x") == {"as": "new"}
    said[0] = "connection refused"
    with pytest.raises(ConsulSilent):
        ConsulApi("n1", client, ("new",), lambda: trusting).get("kv/x")


def test_keys_are_the_wanted_ones_first_and_a_rotated_host_has_no_older_authority() -> None:
    keys = AgentKeys(SEED, "blue", Identity(ca=3, acl=3), Identity(ca=2, acl=2))
    assert keys.tokens == tuple(keys.token(number) for number in (3, 2, 1))
    assert generations_in(SEED, "blue", keys.still_trusted(trusted(SEED, "blue", 3)), range(1, 5)) == {3}
    assert generations_in(SEED, "blue", keys.still_trusted(trusted(SEED, "blue", 2)), range(1, 5)) == {2, 3}
    assert SEED.hex() not in repr(keys)
    assert keys.tokens[0] not in repr(keys)


def test_a_keyring_file_is_stale_unless_it_has_the_one_key() -> None:
    assert not is_stale(None, "new")
    assert not is_stale(b'["new"]', "new")
    assert is_stale(b'["old"]', "new")
    assert is_stale(b'["new", "old"]', "new")
    assert is_stale(b"broken", "new")
