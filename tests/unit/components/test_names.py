"""A renamed host keeps its resources: each is known to the engine by its former name too."""

from __future__ import annotations

import pulumi
import pytest

from components import names
from tests.unit.components.registration import register
from tests.unit.small_fleet import document, small_fleet


@pytest.fixture
def aliased(monkeypatch) -> list[tuple[str, list[str]]]:
    """(new name, former names) of everything that is registered with aliases."""
    found = []
    real = pulumi.Resource.__init__

    def record(self, t, name, custom, props=None, opts=None, *more, **named) -> None:
        former = [alias.name for alias in (opts.aliases if opts else None) or []]
        if former:
            found.append((f"{t.split(':')[-1]} {name}", former))
        real(self, t, name, custom, props, opts, *more, **named)

    monkeypatch.setattr(pulumi.Resource, "__init__", record)
    return found


def test_every_resource_of_a_renamed_host_and_no_other_has_an_alias(tmp_path, aliased) -> None:
    wanted = document()
    wanted["pools"]["core"]["hosts"] = ["n1", "n5"]
    register(small_fleet(tmp_path, wanted, n2=None, n5={"was": "n2"}))
    links = ("BootDevice", "Power", "HostReady", "DockerEngine", "ConsulMember", "SwarmNode", "ManagerNode")
    assert sorted(aliased) == sorted((f"{one} n5", ["n2"]) for one in (*links, "ReadyHost", "DockerHost"))


def test_a_host_that_keeps_its_name_has_none(fleet) -> None:
    assert names.former_names(fleet.hosts["n1"]) == []
