"""The machine behind a BMC as Redfish tells it: what each resource says, and what makers leave in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metal.discover.ask_redfish import machine_of

RECORDED = Path(__file__).resolve().parents[3] / "recorded" / "redfish"
UUID = "4c4c4544-0042-4b10-8056-b7c04f4a3132"


def of(**system: object):
    return machine_of({}, system, {}, [], [])


def test_the_service_tag_is_the_serial_number_where_the_maker_has_it_so() -> None:
    tree = json.loads((RECORDED / "dell-idrac9.json").read_text())["resources"]
    dell = machine_of(tree["/redfish/v1"], tree["/redfish/v1/Systems/System.Embedded.1"], {}, [], [])
    assert (dell.serial, dell.serials) == ("ABC0001", ("ABC0001", "CNABC0000001"))
    tree = json.loads((RECORDED / "hpe-ilo5.json").read_text())["resources"]
    system = tree["/redfish/v1/Systems/1"] | {"SKU": "867959-B21"}
    hpe = machine_of(tree["/redfish/v1"], system, {}, [], [])
    assert (hpe.serial, hpe.serials) == ("CZ00000001", ("CZ00000001",))


def test_what_a_maker_has_left_as_it_came_is_nothing() -> None:
    nothing = of(SerialNumber="To be filled by O.E.M.", UUID="00000000-0000-0000-0000-000000000000", PowerState=None)
    assert (nothing.serial, nothing.serials, nothing.uuid, nothing.uuids, nothing.guid) == ("", (), "", (), "")
    assert (nothing.power, nothing.maker) == ("", "")
    assert of(SerialNumber=17, UUID="FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", Model="two\nlines").to_dict() == (
        nothing.to_dict()
    )


def test_a_uuid_is_compared_in_both_orders() -> None:
    assert of(UUID=UUID.upper()).uuids == (UUID, "44454c4c-4200-104b-8056-b7c04f4a3132")


@pytest.mark.parametrize(
    ("card", "mac"),
    [
        ({"PermanentMACAddress": "AA:BB:CC:00:00:01", "MACAddress": "02:00:00:00:00:01"}, ("aa:bb:cc:00:00:01",)),
        ({"MACAddress": "AA-BB-CC-00-00-02"}, ("aa:bb:cc:00:00:02",)),
        ({"PermanentMACAddress": None, "MACAddress": "aa:bb:cc:00:00:03"}, ("aa:bb:cc:00:00:03",)),
        ({"MACAddress": "00:00:00:00:00:00"}, ()),
        ({"MACAddress": "80:00:00:48:fe:80:00:00:00:00:00:00:00:02:c9:03:00:00:00:01"}, ()),  # InfiniBand
        ({}, ()),
    ],
)
def test_macs_are_those_that_are_burnt_in(card: dict[str, object], mac: tuple[str, ...]) -> None:
    assert machine_of({}, {}, {}, [card, card], []).macs == mac
    assert machine_of({}, {}, {}, [], [card]).mac == (mac[0] if mac else "")
