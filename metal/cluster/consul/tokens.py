"""The two tokens of a host, and the management token of a rotation, made through the ACL API from derived ids, so that
making them twice makes one.
"""

from __future__ import annotations

from typing import Any

from metal.cluster.consul.api import UNKNOWN_TOKEN, ConsulApi, ConsulRefused
from metal.cluster.consul.registration import render_swarm_policy
from metal.cluster.consul.wish import MemberWish
from metal.pki.secrets import ClusterSecrets

__all__ = ["ensure_management", "ensure_tokens", "holder", "remove_tokens"]

# Consul's built-in policy, the same in every datacenter.
_GLOBAL_MANAGEMENT = "00000000-0000-0000-0000-000000000001"


def ensure_tokens(api: ConsulApi, wish: MemberWish, secrets: ClusterSecrets) -> bool:
    """Have the agent's token (its node, nothing else) and the registration token; True when one was made or changed.

    :param api: opened with the management token.
    """
    node = [{"NodeName": wish.host, "Datacenter": wish.datacenter}]
    policy = _ensure_policy(api, wish, secrets)
    agent = {
        "AccessorID": secrets.agent_accessor(wish.host),
        "SecretID": secrets.agent_token(wish.host),
        "Description": f"Consul agent on {wish.host}",
        "NodeIdentities": node,
    }
    swarm = {
        "AccessorID": secrets.swarm_accessor(wish.host),
        "SecretID": secrets.swarm_token(wish.host),
        "Description": f"registration of the swarm node {wish.host}",
        "Policies": [{"Name": _policy_name(wish, secrets)}],
    }
    return _ensure_token(api, agent) | _ensure_token(api, swarm) | policy


def ensure_management(api: ConsulApi, cluster: str, secrets: ClusterSecrets, number: int) -> bool:
    """Have the wanted management token work; true when it was made, with the one before.

    :param number: its rotation number, for people.
    """
    if holder(api, secrets.management_token) is not None:
        return False
    api.put(
        "acl/token",
        {
            "AccessorID": secrets.management_accessor,
            "SecretID": secrets.management_token,
            "Description": f"management of {cluster}, rotation {number}",
            "Policies": [{"ID": _GLOBAL_MANAGEMENT}],
        },
    )
    return True


def holder(api: ConsulApi, token: str) -> str | None:
    """The accessor id of a token; None for one that does not exist (any more).

    :param token: secret id.
    """
    try:
        return str(api.with_token(token).get("acl/token/self")["AccessorID"])
    except ConsulRefused as refused:
        if _is_unknown(refused):
            return None
        raise


def remove_tokens(api: ConsulApi, wish: MemberWish, secrets: ClusterSecrets) -> None:
    """Take both tokens and the policy away; succeeds when they are gone."""
    for accessor in (secrets.agent_accessor(wish.host), secrets.swarm_accessor(wish.host)):
        if _token(api, accessor) is not None:
            api.delete(f"acl/token/{accessor}")
    policy = api.get(f"acl/policy/name/{_policy_name(wish, secrets)}")
    if policy is not None:
        api.delete(f"acl/policy/{policy['ID']}")


def _policy_name(wish: MemberWish, secrets: ClusterSecrets) -> str:
    # Policy names allow no dots, host names do; the accessor is unique and no secret.
    return f"swarm-node-{secrets.swarm_accessor(wish.host)}"


def _ensure_policy(api: ConsulApi, wish: MemberWish, secrets: ClusterSecrets) -> bool:
    name = _policy_name(wish, secrets)
    wanted = {
        "Name": name,
        "Description": f"registration of the swarm node {wish.host}",
        "Rules": render_swarm_policy(wish),
    }
    seen = api.get(f"acl/policy/name/{name}")
    if seen is None:
        api.put("acl/policy", wanted)
        return True
    if all(seen.get(field) == value for field, value in wanted.items()):
        return False
    api.put(f"acl/policy/{seen['ID']}", {"ID": seen["ID"], **wanted})
    return True


def _ensure_token(api: ConsulApi, wanted: dict[str, Any]) -> bool:
    seen = _token(api, wanted["AccessorID"])
    if seen is None:
        api.put("acl/token", wanted)
        return True
    if _same(seen, wanted):
        return False
    api.put(f"acl/token/{wanted['AccessorID']}", wanted)
    return True


def _same(seen: dict[str, Any], wanted: dict[str, Any]) -> bool:
    names = {policy["Name"] for policy in seen.get("Policies") or []}
    return (
        seen.get("Description") == wanted["Description"]
        and names == {policy["Name"] for policy in wanted.get("Policies", [])}
        and (seen.get("NodeIdentities") or []) == wanted.get("NodeIdentities", [])
    )


def _token(api: ConsulApi, accessor: str) -> dict[str, Any] | None:
    try:
        seen: dict[str, Any] | None = api.get(f"acl/token/{accessor}")
    except ConsulRefused as refused:
        if _is_unknown(refused):
            return None
        raise
    return seen


def _is_unknown(refused: ConsulRefused) -> bool:
    return refused.status == 403 and UNKNOWN_TOKEN in (refused.seen or "")
