"""The files that describe one BMC to ipmi_sim (ipmi_lan(5), ipmi_sim_cmd(5))."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lab.bmc.login import BmcLogin
from lab.spec import HostSpec

__all__ = ["CHASSIS", "EMULATION", "lan_configuration"]

CHASSIS = Path(__file__).with_name("chassis.sh")

EMULATION = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
"""


def lan_configuration(host: HostSpec, login: BmcLogin, module: Path) -> str:
    """lan.conf: address, wiring to the machine and the one user. Holds the password: keep it 0600."""
    guid = hashlib.sha256(host.mac.encode()).hexdigest()[:32]
    return f"""\
name "{host.name}"
loadlib "{module}" "{host.bmc_directory}/bootflags"
set_working_mc 0x20
  startlan 1
    addr {host.bmc} {host.bmc_port}
    priv_limit admin
    guid {guid}
  endlan
  chassis_control "{CHASSIS} {host.machine_directory}"
  user 2 true "{login.user}" "{login.password}" admin 10
"""
