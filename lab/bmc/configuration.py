"""The files that describe one BMC to the program that plays it: ipmi_sim (ipmi_lan(5), ipmi_sim_cmd(5)), or ours."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.bmc.login import BmcLogin
from lab.bmc.module import MODULES
from lab.spec import HostSpec

__all__ = ["CHASSIS", "EMULATION", "SmallBmc", "bmc_mac_of", "guid_of", "lan_configuration"]

CHASSIS = Path(__file__).with_name("chassis.sh")
LAN = Path(__file__).with_name("lan.sh")

EMULATION = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
"""


@dataclass(frozen=True)
class SmallBmc:
    """Where a small BMC answers and what it is wired to.

    :ivar guid: 32 hexadecimal digits.
    :ivar login: file of the account, "user:password".
    :ivar machine: folder of the machine.
    :ivar flags: file of the boot flags, `restore` of the power restore policy.
    :ivar faults: file of the armed faults, `spent` the notes of how often they were played.
    """

    address: str
    port: int
    guid: str
    login: str
    machine: str
    flags: str
    restore: str
    faults: str
    spent: str

    @classmethod
    def of(cls, host: HostSpec) -> SmallBmc:
        return cls(
            address=str(host.bmc),
            port=host.bmc_port,
            guid=guid_of(host),
            login=str(host.bmc_directory / "login"),
            machine=str(host.machine_directory),
            flags=str(host.bmc_directory / "bootflags"),
            restore=str(host.bmc_directory / "restore"),
            faults=str(host.faults),
            spent=str(host.spent_faults[0]),
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def read(cls, path: Path) -> SmallBmc:
        return cls(**json.loads(path.read_text()))


def guid_of(host: HostSpec) -> str:
    """GUID of the host, 32 hexadecimal digits; the same from whichever program plays its BMC."""
    return hashlib.sha256(host.mac.encode()).hexdigest()[:32]


def bmc_mac_of(host: HostSpec) -> str:
    """Hardware address of the BMC, which is not that of the host's own interface."""
    return "06:" + hashlib.sha256(f"bmc {host.mac}".encode()).digest()[:5].hex(":")


def lan_configuration(host: HostSpec, login: BmcLogin, modules: Path) -> str:
    """lan.conf: address, wiring to the machine and the one user. Holds the password: keep it 0600."""
    loaded = "\n".join(f'loadlib "{modules}/{name}.so" "{host.bmc_directory}/{name}"' for name in MODULES)
    return f"""\
name "{host.name}"
{loaded}
set_working_mc 0x20
  startlan 1
    addr {host.bmc} {host.bmc_port}
    priv_limit admin
    guid {guid_of(host)}
    lan_config_program "{LAN} {host.bmc} {bmc_mac_of(host)}"
  endlan
  chassis_control "{CHASSIS} {host.machine_directory}"
  user 2 true "{login.user}" "{login.password}" admin 10
"""
