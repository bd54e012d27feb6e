"""A host without a BMC in the inventory is asked from inside, its entry completed, and its BMC then logged in to."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from metal.bmc.protocol import Power
from metal.settings.inventory import read_inventory
from metal.settings.problems import Problems
from metal.waiting import Run
from tests.lab.bmc_fixtures import make_pool
from tests.lab.engines import reinstall
from tests.lab.inband import ask_over_lan, shim
from tests.lab.ready_stack import ready_stack, small_lab
from tests.lab.stack import LabStack

pytestmark = [pytest.mark.lab, pytest.mark.engine]

TOOL = "/usr/local/bin/ipmitool"


def discover(stack: LabStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return stack.metalswarm("discover", "--inside", *arguments)


@pytest.mark.demand("H3")
def test_found_from_inside_written_down_and_logged_in_to(tmp_path: Path) -> None:
    with small_lab("inside", 60, hosts=1) as lab:
        reinstall(lab, "n1")
        machine, login = lab.spec.machine("n1"), lab.bmc_login
        stack = ready_stack(tmp_path / "project", lab, "n1")
        file = stack.project.folder / "inventory.yaml"
        stack.inventory["hosts"]["n1"]["bmc"] = "none"
        stack.fleet["pools"]["web"] = {"purpose": "ready", "hosts": ["n1"]}
        stack._write()
        before = file.read_text()

        bare = discover(stack)
        assert (bare.returncode, file.read_text()) == (1, before), bare.stdout + bare.stderr
        assert "n1: has no ipmitool" in bare.stdout
        assert "cure: install the package ipmitool" in bare.stdout

        # No lab host has an IPMI device: its ipmitool says what the real one says of this BMC over LAN.
        said = ask_over_lan(str(machine.bmc), machine.bmc_port, login.user, login.password)
        stack.ssh("n1", f"cat >{TOOL} <<'END'\n{shim(said)}END\nchmod +x {TOOL}")

        told = discover(stack, "n1", "--port", str(machine.bmc_port), "--credentials", "default", "--json")
        assert (told.returncode, file.read_text()) == (1, before), told.stdout + told.stderr
        (seen,) = json.loads(told.stdout)["hosts"]
        assert (seen["state"], seen["verdict"], seen["address"]) == ("found", "moved", str(machine.bmc))
        assert (seen["lans"][0]["source"], seen["lans"][0]["ipmi_over_lan"]) == ("static", True)

        wrote = discover(stack, "--port", str(machine.bmc_port), "--credentials", "default", "--update")
        assert wrote.returncode == 0, wrote.stdout + wrote.stderr
        assert f"n1: its BMC is at {machine.bmc}, and inventory.yaml has none; changed there" in wrote.stdout
        entry = yaml.safe_load(file.read_text())["hosts"]["n1"]
        assert entry.pop("bmc") == {
            "address": str(machine.bmc),
            "protocol": "ipmi",
            "port": machine.bmc_port,
            "credentials": "default",
        }
        assert entry == {key: value for key, value in stack.inventory["hosts"]["n1"].items() if key != "bmc"}

        problems = Problems()
        bmc = read_inventory([str(file)], Path(), problems).facts["n1"].bmc
        assert not problems.lines
        assert bmc is not None
        with make_pool(login.user, login.password).open(bmc, deadline=Run().deadline(60)) as opened:
            assert opened.read() is Power.ON

        again = discover(stack)
        assert again.returncode == 0, again.stdout + again.stderr
        assert f"n1: its BMC is at {machine.bmc}, as in inventory.yaml" in again.stdout

        # A stranger under the host's name is asked nothing.
        inventory = yaml.safe_load(file.read_text())
        inventory["hosts"]["n1"]["host_key"] = (
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBYWDaj73lhUnC/S10CIBX0xbcPUJ04nxiSPfw2JH+xg"
        )
        file.write_text(yaml.safe_dump(inventory))
        stack.ssh("n1", f"printf '#!/bin/sh\\ntouch /var/tmp/asked\\n' >{TOOL}")
        stranger = discover(stack, "n1")
        assert stranger.returncode == 1
        assert "n1: host key does not match the pinned one" in stranger.stdout
        assert stack.ssh("n1", "test -e /var/tmp/asked || echo no") == "no"
