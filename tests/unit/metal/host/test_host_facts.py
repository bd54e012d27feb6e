from __future__ import annotations

import pytest

from metal.errors import HostError, HostFault
from metal.host.facts import parse_facts

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
