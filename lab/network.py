"""The lab's network: a switch in a namespace of its own and one interface of this machine on it.

The bridge stands in its own network namespace, so this machine's packet filter, forwarding and bridge-netfilter
settings neither matter nor change. A host's cable is plugged in when its power comes on (lab/machine/boot.sh).
"""

from __future__ import annotations

import json

from lab.command import output
from lab.errors import LabError
from lab.spec import LabSpec

__all__ = ["BRIDGE", "ensure_network", "network_up", "remove_network", "set_cable"]

BRIDGE = "switch"
_UPLINK = "uplink"


def network_up(spec: LabSpec) -> bool:
    """Whether every piece stands and is connected."""
    return (
        _has_namespace(spec)
        and _link(BRIDGE, spec.switch) is not None
        and (_link(_UPLINK, spec.switch) or {}).get("master") == BRIDGE
        and _address(spec) == str(spec.mirror_address)
    )


def ensure_network(spec: LabSpec) -> bool:
    """Make the pieces that are missing, leaving hosts on the others connected; True when something was made.

    :raises LabError: when the subnet belongs to something else.
    """
    if network_up(spec):
        return False
    _refuse_overlap(spec)
    inside = ["ip", "-netns", spec.switch]
    if not _has_namespace(spec):
        output(["ip", "netns", "add", spec.switch])
    if _link(BRIDGE, spec.switch) is None:
        output([*inside, "link", "add", BRIDGE, "type", "bridge", "forward_delay", "0"])
    output([*inside, "link", "set", BRIDGE, "up"])
    if _link(_UPLINK, spec.switch) is None:
        if _link(spec.interface) is not None:
            output(["ip", "link", "delete", spec.interface])
        output(["ip", "link", "add", spec.interface, "type", "veth", "peer", "name", _UPLINK, "netns", spec.switch])
    output([*inside, "link", "set", _UPLINK, "master", BRIDGE, "up"])
    output(["ip", "address", "replace", f"{spec.mirror_address}/{spec.subnet.prefixlen}", "dev", spec.interface])
    output(["ip", "link", "set", spec.interface, "up"])
    return True


def set_cable(spec: LabSpec, host: str, *, plugged: bool) -> None:
    """Unplug a host's cable at the switch, or plug it in again, until its next boot; its own interface shows it.

    :raises LabError: the host is off.
    """
    if _link(host, spec.switch) is None:
        raise LabError(f"{host} is off, so there is no cable of it at the switch", next_step="switch it on first")
    output(["ip", "-netns", spec.switch, "link", "set", host, "up" if plugged else "down"])


def remove_network(spec: LabSpec) -> bool:
    """True when something was removed."""
    removed = False
    if _link(spec.interface) is not None:
        output(["ip", "link", "delete", spec.interface])
        removed = True
    if _has_namespace(spec):
        output(["ip", "netns", "delete", spec.switch])
        removed = True
    return removed


def _has_namespace(spec: LabSpec) -> bool:
    return any(line.split()[0] == spec.switch for line in output(["ip", "netns", "list"]).splitlines() if line.strip())


def _link(name: str, namespace: str | None = None) -> dict[str, object] | None:
    """What `ip link` says of an interface; None when there is none of that name."""
    inside = ["-netns", namespace] if namespace else []
    links: list[dict[str, object]] = json.loads(output(["ip", "-json", *inside, "link", "show"]))
    return next((link for link in links if link.get("ifname") == name), None)


def _address(spec: LabSpec) -> str | None:
    """The address of the lab's interface on this machine."""
    for interface in json.loads(output(["ip", "-json", "-4", "address", "show"])):
        if interface.get("ifname") == spec.interface:
            return next((entry["local"] for entry in interface.get("addr_info", ())), None)
    return None


def _refuse_overlap(spec: LabSpec) -> None:
    for route in json.loads(output(["ip", "-json", "-4", "route", "show", "root", str(spec.subnet)])):
        if route.get("dev") != spec.interface:
            raise LabError(
                f"subnet {spec.subnet} is in use on this machine",
                seen=f"route {route['dst']} over {route.get('dev')}",
                next_step="choose another subnet for the lab",
            )
