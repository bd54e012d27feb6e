"""What follows the only voter of a cluster into another life: nothing, unless `last` is waived."""

from __future__ import annotations

from tests.unit.components.registration import register
from tests.unit.small_fleet import document, small_fleet


def one_manager(tmp_path, *overrides: str, generation: int = 1):
    wanted = document()
    wanted["clusters"]["blue"]["override"] = list(overrides)
    wanted["hosts"] = {"n1": {"generation": generation}}
    return register(small_fleet(tmp_path, wanted))


FOLLOWERS = ("ConsulMember n2", "SwarmNode n2", "ManagerNode n2")


def test_without_the_override_nobody_follows(tmp_path) -> None:
    for each in one_manager(tmp_path, "tolerance", generation=2).values():
        assert "reborn" not in each.inputs


def test_with_it_every_other_member_joins_anew_after_the_only_voter(tmp_path) -> None:
    first, second = one_manager(tmp_path, "last"), one_manager(tmp_path, "last", generation=2)
    for name in FOLLOWERS:
        assert (first[name].inputs["reborn"], second[name].inputs["reborn"]) == ("n1/g1", "n1/g2")
        assert name.replace("n2", "n1") in second[name].after
    for name in ("ConsulMember n1", "SwarmNode n1", "ManagerNode n1", "DockerEngine n2"):
        assert "reborn" not in second[name].inputs


def test_three_managers_hand_over_and_nobody_is_reborn(tmp_path) -> None:
    wanted = document()
    wanted["clusters"]["blue"] |= {"managers": ["n1", "n2", "n3"], "override": ["last"]}
    wanted["pools"]["core"]["hosts"] = ["n1", "n2", "n3"]
    wanted["pools"]["engines"]["hosts"] = []
    assert not [name for name, each in register(small_fleet(tmp_path, wanted)).items() if "reborn" in each.inputs]
