from __future__ import annotations

from tests.unit.components.registration import register
from tests.unit.small_fleet import document, small_fleet


def test_the_engine_trusts_the_authority_of_its_cluster_only(told) -> None:
    assert told["DockerEngine n1"].inputs["authority"] == "blue"
    assert told["DockerEngine n3"].inputs["authority"] == ""
    assert "DockerEngine n4" not in told


def test_a_raised_authority_reaches_the_engines_of_its_cluster(tmp_path) -> None:
    wanted = document()
    wanted["clusters"]["blue"]["identity"] = {"ca": 3}
    told = register(small_fleet(tmp_path, wanted))
    assert [told[f"DockerEngine {host}"].inputs["ca"] for host in ("n1", "n2", "n3")] == [3, 3, 1]


def test_the_key_pinned_at_first_contact_is_handed_up(told) -> None:
    for link in ("DockerEngine", "ConsulMember", "SwarmNode", "ManagerNode"):
        assert told[f"{link} n2"].inputs["host_key"] == "key of n2"
        assert told[f"{link} n2"].edges["host_key"] == ["HostReady n2"]
