"""BMCs whose Redfish answers are odd, beside one that is sound: found as far as they go, in words, and nobody else's
trouble."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.bmc.responder import Responder as Ipmi
from lab.redfish.responder import Responder as Redfish
from lab.redfish.tree import SystemSpec, documents
from metal.bmc import BmcPool
from metal.discover import Discovery, Wish, discover
from metal.discover import login as room
from metal.discover.ask_redfish import ids_of
from metal.discover.match import Verdict
from metal.errors import Cancelled, SettingsError
from metal.settings.credentials import Credentials
from metal.waiting import Run
from tests.unit.metal.bmc.conftest import PASSWORD, USER
from tests.unit.metal.bmc.redfish.conftest import at, certificate, make_pool, redfish  # noqa: F401

ONE = SystemSpec("1", uuid="4c4c4544-0042-4b10-8056-b7c04f4a3132", serial="A1", macs=["00:25:b5:aa:01:01"])
TWO = SystemSpec("2", uuid="00000000-0000-4000-8000-000000000002", serial="B2", macs=["00:25:b5:aa:02:01"])
SYSTEMS = "/redfish/v1/Systems"
CREDENTIALS = Credentials.from_config({"metalswarm:bmc-rack": f"{USER}:{PASSWORD}"}, {})


def look(*addresses: str, port: int, ipmi: int = 1) -> Discovery:
    wish = Wish("rack", ipmi, port, patience=0.2, trust_shown=True)
    return discover(addresses, wish, credentials=CREDENTIALS, run=Run())


def serials(found: Discovery) -> list[str]:
    return [each.found.machine.serial for each in found.matches if each.found.machine]


@pytest.mark.parametrize("members", [5, True, {"a": 1}, "abc", None])
def test_members_that_are_no_list_are_none(redfish: Callable[..., Redfish], members: Any) -> None:  # noqa: F811
    tree = documents([ONE])
    tree[SYSTEMS]["Members"] = members
    responder = redfish(tree=tree)
    ipmi = Ipmi(USER, PASSWORD)
    try:
        assert look("127.0.0.1", port=responder.port, ipmi=ipmi.port).matches[0].found.unread == "shows no system"
    finally:
        ipmi.close()
    assert [each.found.trouble for each in look("127.0.0.1", port=responder.port).matches] == ["shows no system"]
    tree = documents([ONE])
    tree[f"{SYSTEMS}/1/EthernetInterfaces"]["Members"] = members
    found = look("127.0.0.1", port=redfish(tree=tree).port)
    assert serials(found) == ["A1"]


def test_odd_items_among_members_are_passed_over(redfish: Callable[..., Redfish]) -> None:  # noqa: F811
    tree = documents([ONE])
    tree[SYSTEMS]["Members"] = [[1], None, 5, {"@odata.id": 5}, [], *tree[SYSTEMS]["Members"]]
    tree[f"{SYSTEMS}/1"] |= {"Manufacturer": [{"a": 1}], "Model": [[1]], "UUID": {"x": 1}}
    found = look("127.0.0.1", port=redfish(tree=tree).port)
    assert (serials(found), found.matches[0].found.sole) == (["A1"], "1")


def test_whatever_goes_wrong_with_one_bmc_is_its_own_trouble(
    redfish: Callable[..., Redfish],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd = redfish(tree=documents([ONE]))
    redfish(tree=documents([TWO]), address="127.0.0.2", port=odd.port)
    asked = room.ask_redfish
    raised: list[Exception] = [RecursionError("too deep")]

    def ask(address: Any, *given: Any, **named: Any) -> Any:
        if address.address == "127.0.0.1":
            raise raised[0]
        return asked(address, *given, **named)

    monkeypatch.setattr(room, "ask_redfish", ask)
    found = look("127.0.0.1", "127.0.0.2", port=odd.port)
    assert serials(found) == ["B2"]
    assert found.matches[0].found.trouble == "its answers make no sense: RecursionError: too deep"
    ipmi = Ipmi(USER, PASSWORD)
    try:
        both = look("127.0.0.1", port=odd.port, ipmi=ipmi.port).matches[0].found
    finally:
        ipmi.close()
    assert (both.machine is not None, both.trouble) == (True, "")
    assert both.unread == "its answers make no sense: RecursionError: too deep"
    for ends in (Cancelled("stop"), SettingsError(["no such profile"])):
        raised[0] = ends
        with pytest.raises(type(ends)):
            look("127.0.0.1", "127.0.0.2", port=odd.port)


def test_a_system_that_is_not_shown_hides_no_other(redfish: Callable[..., Redfish]) -> None:  # noqa: F811
    tree = documents([ONE, TWO])
    del tree[f"{SYSTEMS}/2"]
    responder = redfish(tree=tree)
    found = look("127.0.0.1", port=responder.port)
    assert (serials(found), found.matches[0].verdict, found.matches[0].found.system) == (["A1"], Verdict.NEW, "1")
    assert "2: does not give /redfish/v1/Systems/2 (HTTP 404" in found.matches[0].found.unshown
    del responder.tree[f"{SYSTEMS}/1"]
    none = look("127.0.0.1", port=responder.port).matches
    assert ["does not give /redfish/v1/Systems/1" in each.found.trouble for each in none] == [True]


def test_systems_of_one_id_are_told_apart_by_their_paths(
    redfish: Callable[..., Redfish],  # noqa: F811
    make_pool: Callable[..., BmcPool],  # noqa: F811
    at: Callable[..., Any],  # noqa: F811
) -> None:
    tree = documents([ONE, TWO])
    other = "/redfish/v1/Other/Systems/1"
    tree[other] = tree[f"{SYSTEMS}/2"]
    tree[SYSTEMS]["Members"][1] = {"@odata.id": other}
    responder = redfish(tree=tree)
    found = look("127.0.0.1", port=responder.port)
    assert serials(found) == ["A1", "B2"]
    assert [each.found.system for each in found.matches] == [f"{SYSTEMS}/1", other]
    with make_pool().open(at(responder, system=other), deadline=Run().deadline(30)) as bmc:
        assert bmc.guid() == f"uuid:{TWO.uuid}"


def test_ids_of_paths() -> None:
    assert ids_of(["/s/1", "/s/1/", "/s/2"]) == {"1": "/s/1/", "2": "/s/2"}
    assert ids_of(["/s/a", "/o/A", "/s/b"]) == {"/s/a": "/s/a", "/o/A": "/o/A", "b": "/s/b"}
