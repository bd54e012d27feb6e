"""The resources that a small Redfish BMC shows (DSP0268), as documents by path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["BMC_MAC", "POLICIES", "RESETS", "TARGETS", "SystemSpec", "accounts", "documents", "normal"]

RESETS = ["On", "ForceOff", "GracefulShutdown", "ForceRestart"]
TARGETS = ["None", "Pxe", "Hdd", "Cd", "Usb", "BiosSetup", "Diags", "Utilities"]
BMC_MAC = "02:00:00:00:00:b1"
POLICIES = ["AlwaysOff", "LastState", "AlwaysOn"]

Documents = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class SystemSpec:
    """:ivar macs: of its network cards, in their order."""

    id: str = "1"
    uuid: str = "4c4c4544-0042-4b10-8056-b7c04f4a3132"
    serial: str = "LAB0001"
    manufacturer: str = "Metalswarm Lab"
    model: str = "Small BMC"
    macs: Sequence[str] = ()


def normal(path: str) -> str:
    """A path as the tree knows it: without query and final slash."""
    return path.partition("?")[0].rstrip("/") or "/"


def documents(systems: Sequence[SystemSpec], *, settings: bool = False, action_info: bool = False) -> Documents:
    """:param settings: changes of the boot override go to a settings resource.
    :param action_info: what resets there are stands in a resource of its own.
    """
    root = "/redfish/v1"
    tree: Documents = {
        root: {
            "@odata.id": "/redfish/v1/",
            "@odata.type": "#ServiceRoot.v1_5_0.ServiceRoot",
            "Id": "RootService",
            "Name": "Root Service",
            "RedfishVersion": "1.6.0",
            "Systems": {"@odata.id": f"{root}/Systems"},
            "Managers": {"@odata.id": f"{root}/Managers"},
            "AccountService": {"@odata.id": f"{root}/AccountService"},
            "SessionService": {"@odata.id": f"{root}/SessionService"},
            "Links": {"Sessions": {"@odata.id": f"{root}/SessionService/Sessions"}},
        },
        f"{root}/Systems": {
            "@odata.id": f"{root}/Systems",
            "Members@odata.count": len(systems),
            "Members": [{"@odata.id": f"{root}/Systems/{system.id}"} for system in systems],
        },
        f"{root}/Managers/bmc": {
            "@odata.id": f"{root}/Managers/bmc",
            "Id": "bmc",
            "FirmwareVersion": "1.2.3",
            "EthernetInterfaces": {"@odata.id": f"{root}/Managers/bmc/EthernetInterfaces"},
        },
    }
    tree |= _cards(f"{root}/Managers/bmc/EthernetInterfaces", [BMC_MAC])
    for system in systems:
        tree |= _system(f"{root}/Systems/{system.id}", system, settings=settings, action_info=action_info)
    return tree


def accounts(collection: str) -> Documents:
    """The account service: a place that nobody has, as many BMCs keep one, and the user's."""
    service, paths = collection.rpartition("/")[0], [f"{collection}/{number}" for number in (1, 2)]
    return {
        service: {"@odata.id": service, "Accounts": {"@odata.id": collection}},
        collection: {"@odata.id": collection, "Members": [{"@odata.id": path} for path in paths]},
        **{path: {"@odata.id": path, "Id": path[-1], "UserName": "", "Password": None} for path in paths},
    }


def _system(path: str, system: SystemSpec, *, settings: bool, action_info: bool) -> Documents:
    reset: dict[str, Any] = {"target": f"{path}/Actions/ComputerSystem.Reset"}
    tree: Documents = {}
    if action_info:
        info = f"{path}/ResetActionInfo"
        reset["@Redfish.ActionInfo"] = info
        tree[info] = {
            "@odata.id": info,
            "Parameters": [{"Name": "ResetType", "Required": True, "AllowableValues": RESETS}],
        }
    else:
        reset["ResetType@Redfish.AllowableValues"] = RESETS
    boot = {"BootSourceOverrideTarget@Redfish.AllowableValues": TARGETS}
    tree[path] = {
        "@odata.id": path,
        "@odata.type": "#ComputerSystem.v1_13_0.ComputerSystem",
        "Id": system.id,
        "Name": f"System {system.id}",
        "UUID": system.uuid,
        "SerialNumber": system.serial,
        "Manufacturer": system.manufacturer,
        "Model": system.model,
        "Boot": boot,
        "PowerRestorePolicy": POLICIES[0],
        "PowerRestorePolicy@Redfish.AllowableValues": POLICIES,
        "Links": {"ManagedBy": [{"@odata.id": "/redfish/v1/Managers/bmc"}]},
        "Actions": {"#ComputerSystem.Reset": reset},
    }
    if system.macs:
        tree[path]["EthernetInterfaces"] = {"@odata.id": f"{path}/EthernetInterfaces"}
        tree |= _cards(f"{path}/EthernetInterfaces", system.macs)
    if settings:
        tree[path]["@Redfish.Settings"] = {"SettingsObject": {"@odata.id": f"{path}/SD"}}
        tree[f"{path}/SD"] = {"@odata.id": f"{path}/SD", "Id": "SD", "Boot": dict(boot)}
    return tree


def _cards(collection: str, macs: Sequence[str]) -> Documents:
    paths = [f"{collection}/{number}" for number, _ in enumerate(macs, start=1)]
    tree: Documents = {
        path: {"@odata.id": path, "Id": path.rpartition("/")[2], "PermanentMACAddress": mac.upper(), "MACAddress": mac}
        for path, mac in zip(paths, macs, strict=True)
    }
    return tree | {collection: {"@odata.id": collection, "Members": [{"@odata.id": path} for path in paths]}}
