"""What a look at a host says of one that it cannot be sure of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from metal.errors import HostError, HostFault
from metal.host.ready import observe_ready
from metal.host.wish import ReadySeen
from metal.settings.access import Access
from metal.waiting import Run

KEY = HostError(
    "its host key does not match the pinned one",
    fault=HostFault.HOST_KEY,
    host="n1",
    tried=["ssh root@10.0.0.1:22"],
    seen="SHA256:b",
    next_step="compare it with the console",
)


def look(error: HostError) -> ReadySeen:
    def connect(*args: Any, **how: Any) -> None:
        raise error

    site: Any = SimpleNamespace(ssh=SimpleNamespace(connect=connect), run=Run())
    return observe_ready(site, Access("n1", "10.0.0.1", 22, "root", "default", False), owner="shop/prod")


def test_another_host_key_is_told_in_lines_and_names_the_host_nowhere_again() -> None:
    seen = look(KEY)
    assert (seen.condition, seen.report) == ("refused", None)
    assert seen.cause.splitlines() == [
        "its host key does not match the pinned one",
        "  tried: ssh root@10.0.0.1:22",
        "  last seen: SHA256:b",
        "  next: compare it with the console",
    ]
    assert str(KEY) == f"n1: {seen.cause}"
