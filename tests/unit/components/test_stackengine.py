from __future__ import annotations


def test_the_ring_forms_and_every_other_node_waits_for_it(told) -> None:
    assert "RingFormed blue" not in told["ManagerNode n1"].after
    assert "RingFormed blue" in told["ManagerNode n2"].after
    assert [told[f"ManagerNode {host}"].inputs["admin"] for host in ("n1", "n2")] == [True, False]


def test_it_stands_on_the_swarm(told) -> None:
    assert told["RingFormed blue"].edges == {"up": ["SwarmFormed blue"]}
    assert told["ManagerNode n2"].edges["up"] == ["SwarmNode n2"]


def test_the_vendors_key_is_named_and_not_given(told) -> None:
    assert told["ManagerNode n1"].inputs["key"] == "default"
