"""Power and boot devices of lab hosts, through real IPMI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lab.api import Lab
from lab.bmc.client import PowerAct, ipmitool
from lab.bmc.flags import boot_clock, read_flags, write_flags
from lab.errors import LabError
from lab.host import LabHost
from tests.lab.traces import host_identity, ssh
from tests.waiting import wait_for

pytestmark = [pytest.mark.root, pytest.mark.lab]


@pytest.fixture
def host(lab: Lab) -> Iterator[LabHost]:
    """n1, off, with default boot flags and a fresh install counter."""
    host = lab.host("n1")
    host.plug()
    host.kill()
    host.reset_counter()
    host.set_boot("none")
    yield host
    host.kill()


def install(host: LabHost) -> None:
    host.set_boot("pxe")
    host.power(PowerAct.ON)
    host.wait_for_ssh()


def test_pxe_installs_and_is_consumed(lab: Lab, host: LabHost) -> None:
    assert not host.power_is_on()
    install(host)
    assert host.power_is_on()
    assert ssh(lab, "n1", "hostname") == "n1"
    assert ssh(lab, "n1", "systemctl is-system-running --wait") == "running"
    assert host.status().boot == "default"
    flags = ipmitool(host.spec, lab.bmc_login, "chassis", "bootparam", "get", "5")
    assert "Boot Flag Invalid" in flags, "a one-shot serves one boot"


def test_a_cycle_keeps_the_system_and_a_reinstall_replaces_it(lab: Lab, host: LabHost) -> None:
    install(host)
    first = host_identity(lab, "n1")
    ssh(lab, "n1", "echo kept > /root/note; echo kept > /var/lib/docker/note")

    host.power(PowerAct.CYCLE)
    wait_for("the cycle cuts the power", lambda: not host.status().ssh_answers)
    host.wait_for_ssh()
    cycled = host_identity(lab, "n1")
    assert cycled["boot id"] != first["boot id"]
    assert (cycled["machine id"], cycled["host key"]) == (first["machine id"], first["host key"])
    assert ssh(lab, "n1", "cat /root/note /var/lib/docker/note").split() == ["kept", "kept"]

    host.set_boot("pxe")
    host.power(PowerAct.RESET)
    wait_for("the old system is gone", lambda: not host.ssh_answers())
    host.wait_for_ssh()
    again = host_identity(lab, "n1")
    assert not set(first.values()) & set(again.values())
    assert ssh(lab, "n1", "ls /root/note /var/lib/docker/note 2>/dev/null; true") == ""


def test_reset_boots_the_disk_without_losing_power(lab: Lab, host: LabHost) -> None:
    install(host)
    before = host_identity(lab, "n1")
    host.power(PowerAct.RESET)
    assert host.power_is_on()
    wait_for("the reset ends the system", lambda: not host.ssh_answers())
    assert host.power_is_on()
    host.wait_for_ssh()
    after = host_identity(lab, "n1")
    assert after["machine id"] == before["machine id"]
    assert after["boot id"] != before["boot id"]


def test_reset_of_a_host_that_is_off_does_nothing(host: LabHost) -> None:
    host.power(PowerAct.RESET)
    assert not host.power_is_on()


def test_soft_shutdown_stops_services_in_order(lab: Lab, host: LabHost) -> None:
    install(host)
    unit = (
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\nExecStop=sh -c 'echo orderly > /root/stopped'\n"
    )
    ssh(lab, "n1", f"printf {json.dumps(unit)} > /etc/systemd/system/orderly.service && systemctl start orderly")
    host.power(PowerAct.SOFT)
    wait_for("the power goes off", lambda: not host.power_is_on())
    host.power(PowerAct.ON)
    host.wait_for_ssh()
    assert ssh(lab, "n1", "cat /root/stopped") == "orderly"


def test_a_reboot_from_inside_keeps_power_and_obeys_the_boot_device(lab: Lab, host: LabHost) -> None:
    install(host)
    before = host_identity(lab, "n1")
    host.set_boot("pxe")
    installs = host.status().installs
    ssh(lab, "n1", "systemctl --no-block reboot")
    wait_for("the reboot installs", lambda: host.status().installs == installs + 1)
    assert host.power_is_on()
    host.wait_for_ssh()
    assert host_identity(lab, "n1")["machine id"] != before["machine id"]


def test_a_disk_without_a_system_hangs_with_power_on(lab: Lab, host: LabHost) -> None:
    host = lab.host("n5")
    host.power(PowerAct.ON)
    wait_for("the firmware gives up", lambda: host.status().firmware == "no system on disk")
    assert host.power_is_on()
    assert not host.ssh_answers()
    host.power(PowerAct.SOFT)
    assert host.power_is_on(), "nothing is there that could shut down"
    host.power(PowerAct.OFF)
    wait_for("the power goes off", lambda: not host.power_is_on())


def test_a_third_install_that_nobody_claimed_is_refused(lab: Lab, host: LabHost) -> None:
    for _ in range(2):
        install(host)
        host.kill()
    host.set_boot("pxe")
    host.power(PowerAct.ON)
    wait_for("the install is refused", lambda: host.status().firmware == "install refused")
    assert host.status().unclaimed == 2
    host.kill()

    host.reset_counter()
    install(host)
    ssh(lab, "n1", "mkdir -p /var/lib/metalswarm && echo '{}' > /var/lib/metalswarm/marker.json")
    assert host.status().unclaimed == 0


def test_boot_flags_end_after_a_minute_unless_told_to_stay(lab: Lab, host: LabHost) -> None:
    flags = host.spec.bmc_directory / "bootflags"
    pxe = ["raw", *["0x00", "0x08", "0x05", "0x80", "0x04", "0x00", "0x00", "0x00"]]
    ipmitool(host.spec, lab.bmc_login, "raw", *["0x00", "0x08", "0x03", "0x00"])
    ipmitool(host.spec, lab.bmc_login, *pxe)
    assert 50 < read_flags(flags).expiry - boot_clock() <= 60
    write_flags(flags, replace(read_flags(flags), expiry=int(boot_clock()) - 1))
    assert "Boot Flag Invalid" in ipmitool(host.spec, lab.bmc_login, "chassis", "bootparam", "get", "5")
    assert host.status().boot == "default"

    ipmitool(host.spec, lab.bmc_login, "raw", *["0x00", "0x08", "0x03", "0x08"])
    ipmitool(host.spec, lab.bmc_login, *pxe)
    assert read_flags(flags).expiry == 0
    assert host.status().boot == "pxe"


def test_a_boot_option_that_is_unknown_or_too_short_is_refused(lab: Lab, host: LabHost) -> None:
    for request, code in (("0x00 0x08 0x07 0x01", "0x80"), ("0x00 0x08 0x05 0x80 0x04", "0xc7")):
        with pytest.raises(LabError) as refused:
            ipmitool(host.spec, lab.bmc_login, "raw", *request.split())
        assert code in str(refused.value)


def test_a_lasting_pxe_installs_at_every_boot(lab: Lab, host: LabHost) -> None:
    host.set_boot("pxe", lasting=True)
    host.power(PowerAct.ON)
    host.wait_for_ssh()
    first = host_identity(lab, "n1")
    assert host.status().boot == "pxe (lasting)"
    host.kill()
    host.power(PowerAct.ON)
    host.wait_for_ssh()
    assert host_identity(lab, "n1")["machine id"] != first["machine id"]


def test_an_unplugged_bmc_leaves_the_host_running_and_comes_back_with_its_flags(lab: Lab, host: LabHost) -> None:
    install(host)
    host.set_boot("disk", lasting=True)
    assert host.unplug()
    assert not host.status().bmc_answers
    with pytest.raises(LabError):
        host.power_is_on()
    assert host.ssh_answers()
    assert host.plug()
    assert host.power_is_on()
    assert host.status().boot == "disk (lasting)"


def test_power_pulled_at_once_after_power_on_leaves_nothing_running(lab: Lab, host: LabHost) -> None:
    host.set_boot("pxe")
    host.power(PowerAct.ON)
    host.power(PowerAct.OFF)
    wait_for("the power goes off", lambda: not host.power_is_on())
    assert not host.ssh_answers()


def test_two_hosts_reach_each_other_and_the_mirror_only(lab: Lab, host: LabHost) -> None:
    install(host)
    other = lab.host("n2")
    install(other)
    try:
        assert ssh(lab, "n1", "ping -c 1 -W 2 n2 > /dev/null && echo reached") == "reached"
        digest = ssh(lab, "n1", f"curl -sf {lab.spec.mirror_url}/consul/1.15.4/consul.sha256")
        assert len(digest.split()[0]) == 64
        offered = ssh(lab, "n1", "apt-get -qq update && apt-cache policy docker.io | grep Candidate")
        assert "20.10.24" in offered
        assert (
            ssh(lab, "n1", "ip route") == f"{lab.spec.subnet} dev eth0 proto kernel scope link src {host.spec.address}"
        )
    finally:
        other.kill()
