"""Names and addresses that follow from a lab's description."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from lab.api import Lab
from lab.errors import LabError
from lab.spec import LabSpec
from metal.errors import InputError


def test_the_standard_lab_has_the_documented_addresses() -> None:
    spec = LabSpec()
    assert [(str(m.name), str(m.address), str(m.bmc), m.bmc_port) for m in spec.machines] == [
        (f"n{i}", f"10.77.0.{10 + i}", f"127.0.2.{i}", 6230) for i in range(1, 7)
    ]
    assert spec.interface == "ms-lab"
    assert spec.mirror_url == "http://10.77.0.1:8080"
    assert spec.directory.parts[-2:] == (".metalswarm", "lab")


def test_two_labs_share_no_name_and_no_address() -> None:
    one = LabSpec()
    two = LabSpec(
        name="two", subnet=IPv4Network("10.78.0.0/24"), bmc_base=IPv4Address("127.0.3.0"), directory=Path("/tmp/two")
    )
    for kind in ("interface", "switch", "cgroup", "mirror_url", "key", "bmc_login"):
        assert getattr(one, kind) != getattr(two, kind)
    for kind in ("address", "bmc", "mac", "directory"):
        assert not {getattr(m, kind) for m in one.machines} & {getattr(m, kind) for m in two.machines}


def test_interface_names_fit_the_kernel() -> None:
    assert len(LabSpec(name="abcdefgh").interface) <= 15
    assert len(LabSpec(hosts=200).machines[-1].name) <= 15


def test_a_hardware_address_is_local_unicast_and_lasting() -> None:
    macs = [machine.mac for machine in LabSpec().machines]
    assert len(set(macs)) == 6
    assert all(int(mac[:2], 16) & 3 == 2 and len(mac) == 17 for mac in macs)
    assert macs == [machine.mac for machine in LabSpec().machines]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"name": "Lab"}, "name 'Lab'"),
        ({"name": "toolongname"}, "name 'toolongname'"),
        ({"hosts": 0}, "hosts 0"),
        ({"hosts": 6, "subnet": IPv4Network("10.77.0.0/28")}, "hosts 6"),
        ({"bmc_base": IPv4Address("10.0.0.0")}, "bmc_base 10.0.0.0"),
        ({"mirror_port": 0}, "mirror_port 0"),
        ({"install_limit": 0}, "install_limit 0"),
        ({"directory": Path("relative")}, "directory relative"),
        ({"directory": Path("/tmp/with space")}, "directory /tmp/with space"),
        ({"cache": Path('/tmp/"quoted"')}, 'cache /tmp/"quoted"'),
    ],
)
def test_a_wrong_description_is_refused_by_name(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(LabError) as refused:
        LabSpec(**wrong)  # type: ignore[arg-type]
    assert named in str(refused.value)


def test_a_description_survives_json() -> None:
    spec = LabSpec(name="two", hosts=3, install_limit=5, directory=Path("/tmp/two"))
    assert LabSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(InputError, match="n7"):
        LabSpec().machine("n7")


def test_the_inventory_names_every_host_with_its_addresses() -> None:
    inventory = Lab.from_spec().inventory()
    hosts = inventory["hosts"]
    assert isinstance(hosts, dict)
    assert list(hosts) == ["n1", "n2", "n3", "n4", "n5", "n6"]
    assert hosts["n3"]["address"] == "10.77.0.13"
    assert hosts["n3"]["bmc"] == "127.0.2.3"
