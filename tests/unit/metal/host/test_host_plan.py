from __future__ import annotations

from dataclasses import replace

import pytest

from metal.errors import HostError, HostFault
from metal.host.clock import Skew
from metal.host.facts import Facts
from metal.host.marker import Marker, MarkerState
from metal.host.plan import (
    BootState,
    Claim,
    boot_state,
    check_identity,
    claim,
    prove_new_life,
    released,
    shortfalls,
)
from metal.host.wish import ReadyReport, ReadyWish

WISH = ReadyWish("n1", "shop/prod", 2, "g2", ("debian-12", "rocky-9"), 5.0, 2, 2**30)
FACTS = Facts(
    machine_id="m1",
    boot_id="b1",
    os_id="debian",
    os_version="12",
    family="debian",
    kernel="6.1",
    arch="x86_64",
    cpus=2,
    memory=2**30,
    serial="S1",
    uuid="00112233-4455-6677-8899-aabbccddeeff",
    macs={"eth0": "02:00:00:00:00:01", "eth1": "02:00:00:00:00:02"},
    clock=0.0,
    addresses=(),
)
OURS = Marker("shop/prod", "n1", 2, "g2", MarkerState.CLAIMED, False, "m1")
EXACT = Skew(0.0, 0.01)


@pytest.mark.parametrize(
    ("word", "state"),
    [("running", BootState.UP), ("degraded\n", BootState.DEGRADED), ("starting", BootState.STARTING),
     ("initializing", BootState.STARTING), ("", BootState.STARTING), ("stopping", BootState.STOPPING),
     ("maintenance", BootState.BROKEN), ("sideways", BootState.BROKEN)],
)  # fmt: skip
def test_only_a_known_word_counts_as_booted(word: str, state: BootState) -> None:
    assert boot_state(word) is state


class TestIdentity:
    @pytest.mark.parametrize(
        "known",
        [{}, {"serial": "s1"}, {"macs": ("02:00:00:00:00:09", "02:00:00:00:00:02")},
         {"uuid": "00112233-4455-6677-8899-AABBCCDDEEFF"}, {"uuid": "33221100-5544-7766-8899-aabbccddeeff"}],
    )  # fmt: skip
    def test_the_right_machine_passes(self, known: dict[str, object]) -> None:
        check_identity(replace(WISH, **known), FACTS)  # type: ignore[arg-type]

    def test_a_container_without_firmware_values_passes(self) -> None:
        check_identity(replace(WISH, serial="S9", uuid="x"), replace(FACTS, serial=None, uuid=None))

    def test_another_machine_is_named_by_every_difference(self) -> None:
        wish = replace(WISH, serial="S9", uuid="00112233-4455-6677-8899-aabbccddee00", macs=("02:00:00:00:00:09",))
        with pytest.raises(HostError) as caught:
            check_identity(wish, FACTS)
        assert caught.value.fault is HostFault.NOT_OURS
        assert all(word in str(caught.value) for word in ("serial S1", "inventory S9", "uuid", "MACs"))


class TestFloors:
    def test_exactly_enough_is_enough(self) -> None:
        assert shortfalls(WISH, FACTS, Skew(5.0, 0.0)) == ()

    def test_every_shortfall_is_named(self) -> None:
        poor = replace(FACTS, os_version="11", cpus=1, memory=2**29)
        lacking = shortfalls(WISH, poor, Skew(-6.0, 0.5))
        assert [line.split()[1] for line in lacking] == ["system", "has", "has", "clock"]
        assert "debian-11" in lacking[0]
        assert "behind" in lacking[3]

    @pytest.mark.parametrize(
        ("os_id", "version", "fits"),
        [("rocky", "9.3", True), ("rocky", "9", True), ("rocky", "90", False), ("debian", "1", False)],
    )
    def test_a_release_allows_its_minor_ones(self, os_id: str, version: str, fits: bool) -> None:
        assert (shortfalls(WISH, replace(FACTS, os_id=os_id, os_version=version), EXACT) == ()) is fits

    def test_no_list_allows_any_release(self) -> None:
        assert shortfalls(replace(WISH, os=()), replace(FACTS, os_id="arch", os_version=""), EXACT) == ()

    def test_what_the_measurement_cannot_tell_is_not_held_against_the_host(self) -> None:
        assert shortfalls(WISH, FACTS, Skew(6.0, 1.5)) == ()
        assert shortfalls(WISH, FACTS, Skew(6.0, 0.5)) != ()


class TestClaim:
    def test_no_marker_is_fresh(self) -> None:
        assert claim(None, WISH, FACTS) == (Claim.FRESH, OURS)

    def test_the_same_is_resumed(self) -> None:
        assert claim(OURS, WISH, FACTS) == (Claim.RESUME, OURS)

    def test_another_life_of_the_same_install_moves(self) -> None:
        assert claim(replace(OURS, life="g2-free"), WISH, FACTS) == (Claim.MOVED, OURS)

    def test_a_lowered_generation_keeps_the_count(self) -> None:
        kind, marker = claim(replace(OURS, generation=5, life="g5"), WISH, FACTS)
        assert (kind, marker.generation, marker.life) == (Claim.MOVED, 5, "g2")

    @pytest.mark.parametrize("state", list(MarkerState))
    def test_an_earlier_generation_means_that_no_reinstall_happened(self, state: MarkerState) -> None:
        with pytest.raises(HostError, match="reinstall did not happen") as caught:
            claim(replace(OURS, generation=1, life="g1", state=state), WISH, FACTS)
        assert caught.value.fault is HostFault.OLD_SYSTEM

    def test_another_owners_claim_is_refused(self) -> None:
        with pytest.raises(HostError, match="claimed by lab/dev") as caught:
            claim(replace(OURS, owner="lab/dev"), WISH, FACTS)
        assert caught.value.fault is HostFault.NOT_OURS

    def test_what_we_released_is_taken_over_as_it_is(self) -> None:
        assert claim(replace(OURS, state=MarkerState.RELEASED), WISH, FACTS) == (Claim.TAKE_OVER, OURS)

    @pytest.mark.parametrize("generation", [0, 2])
    def test_what_we_left_to_be_reinstalled_means_that_no_reinstall_happened(self, generation: int) -> None:
        left = replace(OURS, generation=5, state=MarkerState.RELEASED, wipe=True)
        with pytest.raises(HostError, match="reinstall did not happen") as caught:
            claim(left, replace(WISH, generation=generation), FACTS)
        assert caught.value.fault is HostFault.OLD_SYSTEM
        assert "left to be reinstalled" in str(caught.value)

    def test_what_another_owner_wants_nothing_of_is_free_to_take(self) -> None:
        found = replace(OURS, owner="lab/dev", state=MarkerState.RELEASED, wipe=True)
        kind, marker = claim(found, replace(WISH, generation=0, life="g0"), FACTS)
        assert (kind, marker.wipe) == (Claim.TAKE_OVER, False)

    def test_what_another_owner_released_is_taken_over_when_no_install_is_asked_for(self) -> None:
        found = replace(OURS, owner="lab/dev", host="r7", state=MarkerState.RELEASED)
        kind, marker = claim(found, replace(WISH, generation=0, life="g0"), FACTS)
        assert (kind, marker) == (Claim.TAKE_OVER, replace(OURS, generation=0, life="g0"))

    def test_another_owners_installs_do_not_count_as_ours(self) -> None:
        with pytest.raises(HostError, match="reinstall did not happen"):
            claim(replace(OURS, owner="lab/dev", generation=7, state=MarkerState.RELEASED), WISH, FACTS)

    def test_two_names_for_one_host_are_found(self) -> None:
        with pytest.raises(HostError, match="the host at this address is n7") as caught:
            claim(replace(OURS, host="n7"), WISH, FACTS)
        assert caught.value.fault is HostFault.NOT_OURS

    def test_a_marker_that_came_with_an_image_is_refused(self) -> None:
        with pytest.raises(HostError, match="another system"):
            claim(replace(OURS, machine_id="m0"), WISH, FACTS)


class TestRelease:
    def test_our_claim_is_let_go(self) -> None:
        assert released(OURS, owner="shop/prod", host="n1", wipe=True) == replace(
            OURS, state=MarkerState.RELEASED, wipe=True
        )

    @pytest.mark.parametrize("found", [None, replace(OURS, owner="lab/dev"), replace(OURS, host="n7")])
    def test_what_is_not_our_claim_is_left_alone(self, found: Marker | None) -> None:
        assert released(found, owner="shop/prod", host="n1", wipe=True) is None


class TestProof:
    BEFORE = ReadyReport("ssh-ed25519 AAAA", "m1", "debian-12", "debian", "6.1", "x86_64", 2, 1024, None, None, 1, "g1")

    def test_a_new_system_is_proven(self) -> None:
        prove_new_life(self.BEFORE, replace(self.BEFORE, host_key="ssh-ed25519 BBBB", machine_id="m2"))

    @pytest.mark.parametrize(
        ("after", "named"),
        [({"machine_id": "m2"}, "SSH host key"), ({"host_key": "ssh-ed25519 BBBB"}, "machine-id m1"),
         ({}, "machine-id m1, SSH host key"),
         ({"machine_id": "m2", "host_key": "ssh-ed25519 AAAA root@n1"}, "SSH host")],
    )  # fmt: skip
    def test_what_stayed_the_same_is_named(self, after: dict[str, str], named: str) -> None:
        with pytest.raises(HostError, match=named) as caught:
            prove_new_life(self.BEFORE, replace(self.BEFORE, **after), host="n1")  # type: ignore[arg-type]
        assert caught.value.fault is HostFault.OLD_SYSTEM


def test_wish_and_report_survive_the_way_through_an_engine() -> None:
    def engine(value: object) -> object:
        if isinstance(value, dict):
            return {key: engine(inner) for key, inner in value.items()}
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    wish = replace(WISH, macs=("02:00:00:00:00:01",), serial="S1")
    assert ReadyWish.from_dict(engine(wish.to_dict())) == wish  # type: ignore[arg-type]
    assert ReadyReport.from_dict(engine(TestProof.BEFORE.to_dict())) == TestProof.BEFORE  # type: ignore[arg-type]
