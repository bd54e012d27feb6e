"""Paths as a BMC names them: taken where they are plain paths of its own, and nothing else."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from metal.bmc.redfish.http import Answer
from metal.bmc.redfish.systems import link_to, member_paths


def pages(**documents: Any) -> Any:
    """A link that has these resources."""
    return SimpleNamespace(get=lambda path: Answer(200, {}, json.dumps(documents[path.strip("/")]).encode()))


@pytest.mark.parametrize(
    "path",
    [
        "/redfish/v1/Systems/2#\n  evil: {}\n  #",
        "/redfish/v1/Systems/2\n",
        "/a b",
        "/a#b",
        "/a?b",
        "/\u00e9",
        "//evil.example.net/redfish",
        "/\\evil",
        "redfish",
        "",
        5,
        None,
        ["/x"],
    ],
)
def test_what_is_no_plain_path_names_nothing(path: object) -> None:
    assert link_to({"Systems": {"@odata.id": path}}, "Systems") == ""
    members = {"Members": [{"@odata.id": path}, {"@odata.id": "/redfish/v1/Systems/1"}]}
    assert list(member_paths(pages(all=members), "all")) == ["/redfish/v1/Systems/1"]


def test_plain_paths_are_as_makers_write_them() -> None:
    for path in ("/redfish/v1/Systems/System.Embedded.1", "/redfish/v1/Systems/%20(1)/", "/a:b@c=d,e'f~"):
        assert link_to({"Systems": [{"@odata.id": path}]}, "Systems") == path


def test_a_next_page_may_have_a_query_and_is_of_this_server() -> None:
    one, two = ({"Members": [{"@odata.id": f"/s/{number}"}]} for number in (1, 2))
    link = pages(**{"a": one | {"Members@odata.nextLink": "/a?$skip=1"}, "a?$skip=1": two})
    assert list(member_paths(link, "a")) == ["/s/1", "/s/2"]
    for elsewhere in ("//evil/a?$skip=1", "/a\n", 7):
        link = pages(**{"a": one | {"Members@odata.nextLink": elsewhere}})
        assert list(member_paths(link, "a")) == ["/s/1"]
