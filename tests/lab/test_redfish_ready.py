"""Boot device, power and ready state over Redfish on the real engine: one host pinned to it, one found by `auto`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from lab.api import Lab
from lab.bmc.service import bmc_daemon
from lab.redfish.service import redfish_daemon
from metal.waiting import Run
from tests.lab.ready_stack import fresh_hosts, marker, ready_stack, small_lab

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("redf", 120, hosts=2, redfish_port=6443) as lab:
        yield lab


def policy(lab: Lab, name: str) -> str:
    """The power restore policy by the BMC's own word."""
    host, login = lab.host(name).spec, lab.bmc_login
    url = f"https://{host.bmc}:{host.redfish_port}/redfish/v1/Systems/{name}"
    answer = httpx.get(url, auth=(login.user, login.password), verify=False, trust_env=False)
    return str(answer.json()["PowerRestorePolicy"])


def test_a_chain_runs_over_redfish_and_auto_finds_it_and_remembers(lab: Lab, tmp_path) -> None:
    fresh_hosts(lab)
    stack = ready_stack(tmp_path, lab, "n1", "n2")
    hosts = stack.inventory["hosts"]
    hosts["n1"]["bmc"] = lab.redfish("n1")
    hosts["n2"]["bmc"] = lab.redfish("n2", protocol="auto")
    # Nobody answers over IPMI: what works here works over Redfish.
    for host in lab.hosts:
        bmc_daemon(host.spec).stop(deadline=Run().deadline(30))

    born = stack.up()
    assert born.ok, born.output
    assert {name for _, link, name in stack.links(born) if link == "HostReady"} == {"n1", "n2"}
    assert [host.status().installs for host in lab.hosts] == [1, 1]
    assert {marker(stack, name)["generation"] for name in ("n1", "n2")} == {1}
    remembered = [*tmp_path.rglob(".metalswarm/ledger/*/protocols/*.json")]
    assert [json.loads(path.read_text()) for path in remembered] == [{"protocol": "redfish"}]
    assert all(host.status().boot == "default" for host in lab.hosts), "a one-shot override is used up"

    stack.fleet["pools"]["web"]["power_restore"] = "previous"
    kept = stack.up()
    assert kept.ok, kept.output
    assert {(link, name) for _, link, name in stack.links(kept)} == {("Power", "n1"), ("Power", "n2")}
    assert {policy(lab, name) for name in ("n1", "n2")} == {"LastState"}

    again = stack.up()
    assert again.ok
    assert not stack.links(again), again.output

    # The other protocol comes back and Redfish goes: it stands in, run by run, and Redfish stays remembered.
    n2 = lab.host("n2")
    n2.plug()
    redfish_daemon(n2.spec).stop(deadline=Run().deadline(30))
    stack.fleet["pools"]["web"]["hosts"] = ["n2"]
    del stack.fleet["pools"]["web"]["power_restore"]
    gone = stack.up()
    assert gone.ok, gone.output
    refreshed = stack.refresh()
    assert refreshed.ok, refreshed.output
    (line,) = remembered
    assert json.loads(line.read_text()) == {"protocol": "redfish"}, "IPMI stands in for a run, and no longer"

    assert stack.destroy().ok
    assert not n2.status().power
