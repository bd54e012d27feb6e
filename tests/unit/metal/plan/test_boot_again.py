"""What is done for a life whose system was waited for in vain."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from metal.plan.boot import BootDisk, BootSight, Install, Keep, MarkerSight, Refuse, decide_again

SIGHT = BootSight(power_on=True, marker=MarkerSight.UNREACHABLE, owner="metalswarm/dev", generation=2)


@dataclass(frozen=True)
class Seen:
    owner: str = "metalswarm/dev"
    generation: int = 1
    life: str = "g1"
    state: str = "claimed"
    wipe: bool = False


def test_an_armed_install_is_tried_again() -> None:
    assert decide_again(SIGHT, armed=True) == Install("was to be installed and did not come up", cycle=True)
    off = replace(SIGHT, power_on=False)
    assert decide_again(off, armed=True) == Install("was to be installed and did not come up", cycle=False)


def test_without_one_a_running_host_is_only_waited_for() -> None:
    assert isinstance(decide_again(SIGHT, armed=False), Keep)
    assert isinstance(decide_again(replace(SIGHT, power_on=False), armed=False), BootDisk)


@pytest.mark.parametrize("armed", [True, False])
def test_a_system_without_a_marker_may_be_the_new_one(armed: bool) -> None:
    assert isinstance(decide_again(replace(SIGHT, marker=MarkerSight.ABSENT), armed=armed), Keep)


@pytest.mark.parametrize("state", ["claimed", "released"])
def test_the_old_system_is_to_be_replaced(state: str) -> None:
    assert isinstance(decide_again(replace(SIGHT, marker=Seen(state=state)), armed=True), Install)


def test_another_owners_claim_is_refused_and_what_it_released_is_not() -> None:
    other = Seen(owner="other/stack")
    assert isinstance(decide_again(replace(SIGHT, marker=other), armed=True), Refuse)
    released = replace(SIGHT, marker=replace(other, state="released"))
    assert isinstance(decide_again(released, armed=True), Install)
    assert isinstance(decide_again(released, armed=False), Refuse)


def test_the_new_system_ours_already_is_kept() -> None:
    assert isinstance(decide_again(replace(SIGHT, marker=Seen(generation=2, life="g2")), armed=True), Keep)
