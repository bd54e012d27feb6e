from __future__ import annotations

from tests.unit.components.registration import register
from tests.unit.small_fleet import document, small_fleet


def test_managers_form_what_workers_wait_for(told) -> None:
    assert "SwarmFormed blue" not in told["SwarmNode n1"].after
    assert "SwarmFormed blue" in told["SwarmNode n2"].after
    assert told["SwarmFormed blue"].after == ["ClusterIdentity blue", "ClusterPlan blue", "ConsulFormed blue"]


def test_a_host_enters_consul_before_it_joins_and_leaves_it_after(told) -> None:
    for host in ("n1", "n2"):
        assert told[f"SwarmNode {host}"].edges["consul"] == [f"ConsulMember {host}"]


def test_roles_and_settings_of_the_swarm(told) -> None:
    assert [told[f"SwarmNode {host}"].inputs["role"] for host in ("n1", "n2")] == ["manager", "worker"]
    assert told["SwarmNode n2"].inputs["swarm"] == {
        "address_pool": "172.30.0.0/16",
        "subnet_size": 24,
        "data_path_port": 4789,
        "interface": "eth0",
        "port": 2475,
    }


def test_balance_is_only_there_where_it_is_asked_for_and_follows_all_who_joined(told, tmp_path) -> None:
    assert "Rebalance blue" not in told
    wanted = document()
    wanted["clusters"]["blue"]["swarm"]["rebalance"] = True
    asked = register(small_fleet(tmp_path, wanted))
    assert asked["Rebalance blue"].edges["workers"] == ["SwarmNode n2"]
    wanted["hosts"] = {"n2": {"hold": "RMA", "evict": True}}
    held = register(small_fleet(tmp_path, wanted))
    assert held["Rebalance blue"].edges.get("workers", []) == []
    assert held["SwarmNode n2"].inputs["evict"] is True
    assert "evict" not in told["SwarmNode n2"].inputs
