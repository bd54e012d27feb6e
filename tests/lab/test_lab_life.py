"""A lab's own life: up twice, down without a trace, beside another one, after a crash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.lab import app
from lab.api import Lab, Part
from lab.bmc.client import PowerAct
from lab.errors import LabError
from lab.mirror.service import mirror_answers
from lab.spec import LabSpec
from tests.lab.traces import ssh, traces

pytestmark = [pytest.mark.root, pytest.mark.lab]


@pytest.fixture
def spec(lab: Lab, tmp_path: Path) -> Iterator[LabSpec]:
    """A second, small lab beside the tests' first."""
    number = lab.spec.subnet.network_address.packed[2]
    spec = LabSpec(
        name=f"beside{number}",
        hosts=2,
        subnet=IPv4Network(f"10.78.{100 + number}.0/24"),
        bmc_base=IPv4Address(f"127.4.{number}.0"),
        directory=tmp_path / f"beside{number}",
    )
    yield spec
    Lab.from_spec(spec).down()


def test_down_leaves_no_trace_of_a_running_lab(lab: Lab, spec: LabSpec) -> None:
    before = traces(spec.name)
    assert not any(before[kind] for kind in ("namespaces", "links", "mounts", "control groups", "nspawn", "processes"))
    beside = Lab.from_spec(spec)
    beside.up()
    host = beside.host("n1")
    host.set_boot("pxe")
    host.power(PowerAct.ON)
    host.wait_for_ssh()
    during = traces(spec.name)
    assert all(during[kind] for kind in ("namespaces", "links", "control groups", "processes"))
    assert all("/run/netns/" in mount for mount in during["mounts"]), "a host's disk is mounted where only it sees it"
    for kind in ("packet filter", "forwarding"):
        assert during[kind] == before[kind]
    beside.down()
    assert traces(spec.name) == before
    assert not list(spec.directory.parent.glob(f"{spec.directory.name}*"))


def test_up_again_changes_nothing_and_repairs_what_is_missing(lab: Lab, spec: LabSpec) -> None:
    beside = Lab.from_spec(spec)
    assert set(beside.up()) >= {Part.NETWORK, Part.MIRROR, Part.BMCS}
    assert beside.up() == []
    beside.host("n2").unplug()
    assert beside.up() == [Part.BMCS]
    assert beside.down([Part.MIRROR]) == [Part.MIRROR]
    assert mirror_answers(spec) is not None
    assert beside.host("n1").status().bmc_answers
    assert beside.up([Part.MIRROR]) == [Part.MIRROR]
    assert mirror_answers(spec) is None


def test_a_network_cut_by_hand_is_mended_under_running_hosts(lab: Lab, spec: LabSpec) -> None:
    beside = Lab.from_spec(spec)
    beside.up()
    host = beside.host("n1")
    host.set_boot("pxe")
    host.power(PowerAct.ON)
    host.wait_for_ssh()
    subprocess.run(["ip", "link", "delete", spec.interface], check=True)
    assert not host.ssh_answers()
    assert Part.NETWORK in beside.up()
    host.wait_for_ssh(seconds=10)
    assert beside.up() == []


def test_two_labs_side_by_side_share_nothing_but_the_cache(lab: Lab, spec: LabSpec) -> None:
    beside = Lab.from_spec(spec)
    beside.up()
    for one in (lab, beside):
        host = one.host("n2")
        host.kill()
        host.reset_counter()
        host.set_boot("pxe")
        host.power(PowerAct.ON)
        host.wait_for_ssh()
    ids = {ssh(one, "n2", "cat /etc/machine-id") for one in (lab, beside)}
    assert len(ids) == 2
    beside.down()
    assert lab.host("n2").ssh_answers()
    assert lab.host("n2").power_is_on()
    lab.host("n2").kill()


def test_hosts_keep_running_through_another_up_and_their_disks_through_down_keep(lab: Lab, spec: LabSpec) -> None:
    beside = Lab.from_spec(spec)
    beside.up()
    host = beside.host("n1")
    host.set_boot("pxe")
    host.power(PowerAct.ON)
    host.wait_for_ssh()
    machine = ssh(beside, "n1", "cat /etc/machine-id")
    assert beside.up() == []
    assert host.ssh_answers()
    beside.down(keep=True)
    assert not any(traces(spec.name)[kind] for kind in ("namespaces", "links", "control groups", "processes"))
    beside.up()
    assert not host.power_is_on()
    host.power(PowerAct.ON)
    host.wait_for_ssh()
    assert ssh(beside, "n1", "cat /etc/machine-id") == machine


@pytest.mark.parametrize("after", ["network", "mirror", "bmcs"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_up_ended_in_the_middle_is_cleaned_up_or_finished(
    lab: Lab, spec: LabSpec, after: str, number: signal.Signals
) -> None:
    program = (
        "import json, sys\n"
        "from lab.api import Lab\n"
        "from lab.spec import LabSpec\n"
        "from metal.waiting import Run\n"
        "def tell(line):\n"
        "    print(line, flush=True)\n"
        "    if line.endswith(sys.argv[2]): sys.stdin.read()\n"
        "Lab.from_spec(LabSpec.from_dict(json.loads(sys.argv[1])), run=Run(progress=tell)).up()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(spec.to_dict()), f": {after}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    ) as starter:
        assert starter.stdout is not None
        for line in starter.stdout:
            if line.strip().endswith(f": {after}"):
                break
        starter.send_signal(number)
        starter.wait(timeout=10)
    assert starter.returncode != 0
    beside = Lab.from_spec(spec)
    if number is signal.SIGINT:
        beside.up()
        assert beside.up() == []
    beside.down()
    left = traces(spec.name)
    assert not any(left[kind] for kind in ("namespaces", "links", "mounts", "control groups", "processes"))


def test_a_subnet_in_use_is_refused(lab: Lab, spec: LabSpec, tmp_path: Path) -> None:
    clash = replace(spec, name="clash", subnet=lab.spec.subnet, directory=tmp_path / "clash")
    with pytest.raises(LabError, match="in use"):
        Lab.from_spec(clash).up([Part.NETWORK])
    assert not any(traces("clash")[kind] for kind in ("namespaces", "links"))
    Lab.from_spec(clash).down()


def test_another_lab_in_the_same_folder_is_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match="another lab stands in"):
        Lab.from_spec(replace(lab.spec, hosts=3)).up()


def test_commands_reach_the_bmcs_of_the_lab_that_is_named_and_no_others(lab: Lab) -> None:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["--directory", str(lab.spec.directory), *arguments])

    lab.host("n2").kill()
    rows = json.loads(call("status", "--json").stdout)
    assert [(row["bmc"], row["bmc_answers"]) for row in rows] == [
        (f"{host.bmc}:{host.bmc_port}", True) for host in lab.spec.machines
    ]
    asked = call("power", "n2", "status")
    assert (asked.exit_code, asked.stdout) == (0, "off\n")
    refused = call("--subnet", "10.77.0.0/24", "power", "n2", "on")
    assert "another lab stands in" in str(refused.exception)
    assert not lab.host("n2").power_is_on()
    assert "n1 to n6" in str(call("fault", "n7", "silent").exception)


def test_bmc_address_in_use_is_refused(lab: Lab, spec: LabSpec, tmp_path: Path) -> None:
    clash = Lab.from_spec(replace(spec, bmc_base=lab.spec.bmc_base))
    with pytest.raises(LabError, match="something else answers"):
        clash.up()
    clash.down()
    assert lab.host("n1").status().bmc_answers


def test_no_password_in_process_lists(lab: Lab) -> None:
    lab.host("n1").power_is_on()
    listing = b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
    assert lab.bmc_login.password.encode() not in listing
    assert (lab.spec.bmc_login.stat().st_mode & 0o077) == 0
    assert all((host.spec.bmc_directory / "lan.conf").stat().st_mode & 0o077 == 0 for host in lab.hosts)
