"""Power through the BMC with a second, independent IPMI client: ipmitool."""

from __future__ import annotations

from enum import StrEnum

from lab.bmc.login import BmcLogin
from lab.command import output
from lab.spec import HostSpec

__all__ = ["PowerAct", "ipmitool", "power", "power_is_on"]


class PowerAct(StrEnum):
    ON = "on"
    OFF = "off"
    CYCLE = "cycle"
    RESET = "reset"
    SOFT = "soft"


def ipmitool(host: HostSpec, login: BmcLogin, *arguments: str) -> str:
    """One ipmitool call over RMCP+; the password goes by the environment.

    :raises LabError: when the BMC does not answer within some seconds or refuses.
    """
    # Without -C 3 this ipmitool asks for cipher suites that the simulator cannot list, ten seconds a call.
    connection = ["-I", "lanplus", "-C", "3", "-N", "1", "-R", "2", "-H", str(host.bmc), "-p", str(host.bmc_port)]
    return output(["ipmitool", *connection, "-U", login.user, "-E", *arguments], env={"IPMI_PASSWORD": login.password})


def power(host: HostSpec, login: BmcLogin, act: PowerAct) -> None:
    ipmitool(host, login, "chassis", "power", act.value)


def power_is_on(host: HostSpec, login: BmcLogin) -> bool:
    return ipmitool(host, login, "chassis", "power", "status").strip().endswith("is on")
