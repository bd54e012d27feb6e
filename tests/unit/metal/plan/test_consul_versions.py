from __future__ import annotations

import pytest

from metal.plan.consul_versions import servers_behind

SERVERS = {"n1": "1.15.4", "n2": "1.16.0", "n3": "1.15.10"}


@pytest.mark.parametrize(
    ("version", "behind"),
    [
        ("1.15.4", ()),
        ("1.15.5", ("n1",)),
        ("1.16.0+ent", ("n1", "n3")),
        ("v1.16.1", ("n1", "n2", "n3")),
        ("latest", ()),
    ],
)
def test_servers_that_are_older(version, behind) -> None:
    assert servers_behind(version, SERVERS) == behind
