"""The real program on the real engine, its links without metal: what a preview refuses and what it tells."""

from __future__ import annotations

import json
import re

import pytest

from tests.engine.project import CHECKOUT, Outcome
from tests.engine.test_refused_plan import PARTS
from tests.unit.small_fleet import document, write_inventory

pytestmark = pytest.mark.engine

BLUE = "clusters.blue.managers"


def three_managers() -> dict:
    wanted = document()
    wanted["clusters"]["blue"]["managers"] = ["n1", "n2", "n3"]
    wanted["pools"] = {
        "core": {"cluster": "blue", "hosts": ["n1", "n2", "n3", "n4"], "generation": 1},
        "spare": {"purpose": "free", "hosts": ["n5"], "generation": 1},
    }
    return wanted


@pytest.fixture
def stack(project, tmp_path):
    project.name = "metalswarm"
    project.environment |= {"LINK_LOG": str(tmp_path / "log"), "METALSWARM_SEED": "QUJD" * 10 + "QUI="}
    (tmp_path / "log").write_text("")
    project.folder.mkdir()
    write_inventory(project.folder)
    project.create("import parts\n" + (CHECKOUT / "__main__.py").read_text(), modules={"parts.py": PARTS})
    return project


def ask(stack, wanted: dict, *, up: bool = False) -> Outcome:
    stack.config({"metalswarm:fleet": json.dumps(wanted)})
    return stack.up() if up else stack.preview()


def edit(**changes) -> dict:
    """Three managers, changed: `hosts` and `pools` are merged, all else belongs to the cluster."""
    wanted = three_managers()
    wanted["hosts"] = changes.pop("hosts", {})
    wanted["pools"] |= changes.pop("pools", {})
    wanted["clusters"]["blue"] |= changes
    return wanted


def again(*hosts: str) -> dict:
    return {host: {"generation": 2} for host in hosts}


REFUSED = {
    "an even number": (edit(managers=["n1", "n2"]), f'{BLUE} = ["n1", "n2"]: 2 of them tolerate no more failures'),
    "no manager": (edit(managers=[]), f"{BLUE} = []: is empty; allowed: an odd number"),
    "a host in two pools": (
        edit(pools={"spare": {"purpose": "free", "hosts": ["n5", "n4"]}}),
        "pools.spare.hosts[1] = n4: is in the pool core already; allowed: one pool for each host",
    ),
    "more managers than tolerated": (
        edit(hosts=again("n1", "n2"), consul={"servers": ["n3"]}),
        "2 of 3 Swarm managers would go or be reinstalled in one update (n1, n2), and 3 of them tolerate 1",
    ),
    "the last manager": (edit(hosts=again("n1", "n2", "n3")), "all Swarm managers would go in one update"),
    "the last Consul server's quorum": (
        edit(consul={"servers": ["n1", "n2", "n4"]}, hosts={"n2": {"hold": "RMA"}}),
        "without n3 the Consul servers lose their quorum, as n2 is on hold or lost",
    ),
    "most Consul servers": (
        edit(consul={"servers": ["n1"]}, hosts=again("n1")),
        "all Consul servers would go in one update (n1, n2, n3)",
    ),
}


@pytest.mark.demand("U43", "U47", "U52")
def test_a_preview_refuses_in_words_and_tells_the_order_of_what_it_lets_pass(stack) -> None:
    born = ask(stack, three_managers(), up=True).expect()
    assert "blue: 1. n1, n2, n3 join as manager (3 voters, 2 needed, 1 may fail)" in born.output
    assert "blue: n4 joins as worker" in born.output

    for what, (wanted, reason) in REFUSED.items():
        refused = ask(stack, wanted).expect(ok=False)
        assert reason in refused.output, (what, refused.output)
        assert "Traceback" not in refused.output, what

    swap = edit(managers=["n1", "n2", "n4"])
    shown = ask(stack, swap).expect()
    assert "blue: 1. n4 is promoted to manager (4 voters, 3 needed, 1 may fail)" in shown.output
    assert "blue: 2. n3 is demoted to worker (3 voters, 2 needed, 1 may fail)" in shown.output

    # An override is a value of the plan: in its diff when it comes and when it goes, and told when it is of no use.
    waived = ask(stack, edit(hosts=again("n1", "n2"), override=["tolerance"])).expect()
    assert "blue: tolerance overridden: 2 of 3 Swarm managers would go" in waived.output
    assert "+override" in diff_of_plan(waived)
    stays = ask(stack, edit(override=["tolerance"]), up=True).expect()
    assert "override tolerance waives nothing of this change" in stays.output
    assert diff_of_plan(ask(stack, three_managers()).expect()) == "-override"


def diff_of_plan(outcome: Outcome) -> str:
    """What the engine shows as changed in the plan."""
    found = re.search(r"ClusterPlan blue update \[diff: ([^\]]*)\]", outcome.output)
    assert found, outcome.output
    return found[1]
