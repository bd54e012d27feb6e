"""The lab's network: a switch in a namespace of its own and one interface of this machine on it.

The bridge stands in its own network namespace, so this machine's packet filter, forwarding and bridge-netfilter
settings neither matter nor change. A host's cable is plugged in when its power comes on (lab/machine/boot.sh).
"""

from __future__ import annotations

import json

from lab.command import output, run
from lab.errors import LabError
from lab.spec import LabSpec

__all__ = ["BRIDGE", "ensure_network", "network_up", "remove_network"]

BRIDGE = "switch"
_UPLINK = "uplink"


def network_up(spec: LabSpec) -> bool:
    return _has_namespace(spec) and _address(spec) == str(spec.mirror_address)


def ensure_network(spec: LabSpec) -> bool:
    """Switch and interface; True when something was made.

    :raises LabError: when the subnet or the interface's name belongs to something else.
    """
    if network_up(spec):
        return False
    _refuse_overlap(spec)
    remove_network(spec)
    try:
        output(["ip", "netns", "add", spec.switch])
        inside = ["ip", "-netns", spec.switch]
        output([*inside, "link", "add", BRIDGE, "type", "bridge", "forward_delay", "0"])
        output([*inside, "link", "set", BRIDGE, "up"])
        output(["ip", "link", "add", spec.interface, "type", "veth", "peer", "name", _UPLINK, "netns", spec.switch])
        output([*inside, "link", "set", _UPLINK, "master", BRIDGE, "up"])
        output(["ip", "address", "add", f"{spec.mirror_address}/{spec.subnet.prefixlen}", "dev", spec.interface])
        output(["ip", "link", "set", spec.interface, "up"])
    except BaseException:
        remove_network(spec)
        raise
    return True


def remove_network(spec: LabSpec) -> bool:
    """True when something was removed."""
    removed = False
    if _address(spec) is not None:
        output(["ip", "link", "delete", spec.interface])
        removed = True
    if _has_namespace(spec):
        output(["ip", "netns", "delete", spec.switch])
        removed = True
    return removed


def _has_namespace(spec: LabSpec) -> bool:
    return any(line.split()[0] == spec.switch for line in output(["ip", "netns", "list"]).splitlines() if line.strip())


def _address(spec: LabSpec) -> str | None:
    """The interface's address, "" when it has none, None when there is no such interface."""
    if run(["ip", "link", "show", "dev", spec.interface], stdout=-3, stderr=-3).returncode:
        return None
    (interface,) = json.loads(output(["ip", "-json", "-4", "address", "show", "dev", spec.interface])) or [{}]
    return next((entry["local"] for entry in interface.get("addr_info", ())), "")


def _refuse_overlap(spec: LabSpec) -> None:
    for route in json.loads(output(["ip", "-json", "-4", "route", "show", "root", str(spec.subnet)])):
        if route.get("dev") != spec.interface:
            raise LabError(
                f"subnet {spec.subnet} is in use on this machine",
                seen=f"route {route['dst']} over {route.get('dev')}",
                next_step="choose another subnet for the lab",
            )
