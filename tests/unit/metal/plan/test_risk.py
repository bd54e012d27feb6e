"""Which changes are worth a backup before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metal.plan.quorum import Birth, Member, Membership
from metal.plan.risk import risks

BIRTH = Birth("172.30.0.0/16", 24, 4789, None, "dc1")
VOTER = Member("10.0.0.1", 1, manager=True, consul_server=True, container_manager=True, down=False)
WORKER = replace(VOTER, manager=False, consul_server=False, container_manager=False)
OLD = Membership("blue", BIRTH, {"n1": VOTER, "n2": VOTER, "n3": VOTER, "n4": WORKER})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, ()),
        ({"n4": None}, ()),
        ({"n4": replace(WORKER, generation=2)}, ()),
        ({"n5": VOTER}, ()),
        ({"n3": replace(VOTER, down=True)}, ()),
        ({"n3": None}, ("n3 leaves",)),
        ({"n2": replace(VOTER, generation=2)}, ("n2 is reinstalled",)),
        ({"n2": replace(VOTER, manager=False)}, ("n2 is no manager any more",)),
        ({"n2": replace(VOTER, consul_server=False)}, ("n2 is no Consul server any more",)),
    ],
)
def test_risks(change: dict[str, Member | None], told: tuple[str, ...]) -> None:
    members = {name: member for name, member in {**OLD.members, **change}.items() if member is not None}
    assert risks(OLD, replace(OLD, members=members)) == told
