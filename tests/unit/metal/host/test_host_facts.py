from __future__ import annotations

import subprocess

import pytest

from metal.errors import HostError, HostFault
from metal.host.facts import _SCRIPT, Disk, Nic, parse_facts
from metal.settings.expectations import DiskKind

SERVER = """machine_id=0123456789abcdef0123456789abcdef
boot_id=38eedf7e-0da2-4d47-9790-fa9c81bb8095
os_id=rocky
os_like=rhel centos fedora
os_version=9.3
kernel=5.14.0-362.el9.x86_64
arch=x86_64
cpus=32
memory_kib=131072000
serial=7XK2PQ3
uuid=4C4C4544-0058-4B10-8032-B7C04F505133
mac=eno1 AA:BB:CC:00:00:01
mac=dummy0 00:00:00:00:00:00
address=eno1 10.0.0.5
address=eno1 2001:db8::5
address=eno2 10.0.0.5
clock=1795399755.673286200
"""


MACHINE = (
    SERVER
    + """mac=eno2 AA:BB:CC:00:00:02
nic=bond0|virtual|50000|aa:bb:cc:00:00:01
nic=eno1|card|25000|AA:BB:CC:00:00:01
nic=eno2|card|-1|aa:bb:cc:00:00:02
nic=docker0|bridge||02:42:00:00:00:01
disk=sda|7814037168|1|ST4000NM000A
disk=nvme0n1|1875385008|0|SAMSUNG MZQL2960HCJR | 00A07
disk=sdb|0|1|Card Reader
disk_id=sda wwn-0x5000c500a0b1c2d3
disk_id=sda ata-ST4000NM000A_WS1
disk_id=sda1 ata-ST4000NM000A_WS1-part1
fitted=64 40000000
read_only=/etc
"""
)


def _without(key: str) -> str:
    return "".join(f"{line}\n" for line in SERVER.splitlines() if not line.startswith(f"{key}="))


def test_a_server_is_read_whole() -> None:
    facts = parse_facts(SERVER, host="n1")
    assert (facts.release, facts.family) == ("rocky-9.3", "redhat")
    assert (facts.cpus, facts.memory) == (32, 131072000 * 1024)
    assert (facts.serial, facts.uuid) == ("7XK2PQ3", "4c4c4544-0058-4b10-8032-b7c04f505133")
    assert dict(facts.macs) == {"eno1": "aa:bb:cc:00:00:01"}
    assert facts.addresses == ("10.0.0.5", "2001:db8::5")
    assert facts.clock == pytest.approx(1795399755.6732862)


@pytest.mark.parametrize("serial", ["", "To Be Filled By O.E.M.", "Default string", "0"])
def test_a_serial_number_that_nobody_filled_in_is_none(serial: str) -> None:
    assert parse_facts(SERVER.replace("7XK2PQ3", serial), host="n1").serial is None


def test_a_container_has_no_firmware_values() -> None:
    facts = parse_facts(_without("serial").replace("uuid=4C4C4544-0058-4B10-8032-B7C04F505133", "uuid="), host="n1")
    assert facts.serial is None
    assert facts.uuid is None


@pytest.mark.parametrize(("os_id", "like", "family"), [("debian", "", "debian"), ("ubuntu", "debian", "debian"),
                                                       ("mint", "ubuntu debian", "debian"), ("fedora", "", "redhat"),
                                                       ("alpine", "", "alpine")])  # fmt: skip
def test_the_family_comes_from_id_or_id_like(os_id: str, like: str, family: str) -> None:
    text = SERVER.replace("os_id=rocky", f"os_id={os_id}").replace("rhel centos fedora", like)
    assert parse_facts(text, host="n1").family == family


@pytest.mark.parametrize("key", ["machine_id", "boot_id", "os_id", "kernel", "cpus", "memory_kib", "clock"])
def test_a_missing_value_that_every_system_has_is_an_error_with_its_name(key: str) -> None:
    with pytest.raises(HostError, match=key) as caught:
        parse_facts(_without(key), host="n1")
    assert caught.value.fault is HostFault.NOT_READY
    assert caught.value.host == "n1"


def test_a_machine_id_of_an_unbooted_image_is_none() -> None:
    with pytest.raises(HostError, match="machine_id"):
        parse_facts(SERVER.replace("0123456789abcdef0123456789abcdef", "uninitialized"), host="n1")


def test_a_machine_is_read_with_its_disks_cards_and_memory() -> None:
    facts = parse_facts(MACHINE, host="n1")
    assert facts.nics == (Nic("eno1", "aa:bb:cc:00:00:01", 25000), Nic("eno2", "aa:bb:cc:00:00:02"))
    assert facts.disks == (
        Disk("nvme0n1", 960_197_124_096, DiskKind.NVME, "SAMSUNG MZQL2960HCJR | 00A07"),
        Disk(
            "sda", 4_000_787_030_016, DiskKind.HDD, "ST4000NM000A", ("ata-ST4000NM000A_WS1", "wwn-0x5000c500a0b1c2d3")
        ),
    )
    assert facts.fitted == 64 * 2**30
    assert facts.read_only == ("/etc",)


def test_where_there_is_no_card_what_carries_an_address_stands_for_one() -> None:
    lines = "nic=eno1|virtual|10000|02:00:00:00:00:01\nnic=veth9|virtual|10000|02:00:00:00:00:09\n"
    assert [nic.name for nic in parse_facts(SERVER + lines, host="n1").nics] == ["eno1"]


def test_the_script_says_of_this_machine_what_can_be_read() -> None:
    """In a real shell with `-eu`, as hosts run it."""
    done = subprocess.run(["sh", "-eu"], input=_SCRIPT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    facts = parse_facts(done.stdout, host="here")
    assert facts.fitted is None or facts.fitted >= facts.memory
