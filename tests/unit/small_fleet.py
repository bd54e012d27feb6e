"""A fleet of four hosts, one cluster and one spare, from files as a user writes them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from metal.settings import load_fleet
from metal.settings.fleet import Fleet

__all__ = ["OWNER", "document", "small_fleet", "write_inventory"]

OWNER = "shop/prod"
_DIGEST = "6d3e2b5c0f0c0e1e1a6f3c0a5b5f8d1e2c3b4a59687766554433221100ffeedd"
_INVENTORY: dict[str, Any] = {
    "defaults": {"ssh": {"user": "root"}, "bmc": {"protocol": "ipmi", "credentials": "default"}},
    "hosts": {f"n{i}": {"address": f"10.0.0.{i}", "bmc": f"10.9.0.{i}"} for i in range(1, 6)},
}
_DOCUMENT: dict[str, Any] = {
    "inventory": ["inventory.yaml"],
    "docker": {"package": "docker.io", "version": "20.10.24*", "daemon": {"mtu": 1450}},
    "consul": {"version": "1.15.4", "url": "https://mirror.example.net/consul", "sha256": _DIGEST},
    "clusters": {
        "blue": {
            "managers": ["n1"],
            "consul": {"datacenter": "dc1"},
            "swarm": {"address_pool": "172.30.0.0/16", "interface": "eth0"},
            "manager": {
                "driver": "stackengine",
                "version": "1.0.0",
                "url": "https://mirror.example.net/stackengine",
                "sha256": _DIGEST,
            },
        }
    },
    "pools": {
        "core": {"purpose": "swarm", "cluster": "blue", "hosts": ["n1", "n2"], "generation": 1, "on_destroy": "off"},
        "engines": {"purpose": "docker", "hosts": ["n3"]},
        "spare": {"purpose": "free", "hosts": ["n4"], "generation": 1, "power": "off"},
    },
}


def document() -> dict[str, Any]:
    """A copy of the value of `metalswarm:fleet`, to be changed freely."""
    return copy.deepcopy(_DOCUMENT)


def write_inventory(root: Path, **facts: dict[str, Any]) -> None:
    """Write the inventory; `facts` adds to a host's entry by name, None takes the host out."""
    inventory = copy.deepcopy(_INVENTORY)
    for name, more in facts.items():
        if more is None:
            del inventory["hosts"][name]
        else:
            inventory["hosts"][name].update(more)
    (root / "inventory.yaml").write_text(yaml.safe_dump(inventory))


def small_fleet(root: Path, wanted: dict[str, Any] | None = None, **facts: dict[str, Any]) -> Fleet:
    """The resolved fleet of `wanted`, with its inventory in `root`."""
    write_inventory(root, **facts)
    return load_fleet(wanted or document(), root=root, owner=OWNER)
