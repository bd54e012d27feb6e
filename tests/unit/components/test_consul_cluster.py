from __future__ import annotations

import pytest

from tests.unit.components.registration import register
from tests.unit.small_fleet import document, small_fleet


def test_servers_form_what_clients_wait_for(told) -> None:
    assert "ConsulFormed blue" not in told["ConsulMember n1"].after
    assert "ConsulFormed blue" in told["ConsulMember n2"].after
    assert told["ConsulMember n1"].inputs["server"] is True
    assert told["ConsulMember n2"].inputs["servers"] == {"n1": "10.0.0.1"}


def test_nobody_enters_before_the_plan_has_passed(told) -> None:
    for name in ("ConsulMember n1", "ConsulMember n2", "ConsulFormed blue", "SwarmNode n1", "SwarmNode n2"):
        assert "ClusterPlan blue" in told[name].after


@pytest.mark.parametrize(("rule", "protected"), [("refuse", True), ("allow", False)])
def test_where_destroy_is_refused_the_identity_is_protected(tmp_path, rule, protected) -> None:
    wanted = document()
    wanted["limits"] = {"destroy": rule}
    told = register(small_fleet(tmp_path, wanted))
    assert [name for name, resource in told.items() if resource.protect] == (["ClusterIdentity blue"] * protected)


def test_the_plan_holds_who_is_a_member_and_as_what(told) -> None:
    plan = told["ClusterPlan blue"].inputs["membership"]
    assert {name: member["manager"] for name, member in plan["members"].items()} == {"n1": True, "n2": False}
