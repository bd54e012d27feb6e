"""Which port a BMC is asked at, from its own word, its file's defaults and the protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from metal.settings.access import BmcProtocol
from metal.settings.bmc import read_bmc
from metal.settings.inventory_model import BmcDefaults, HostModel, RackModel
from metal.settings.problems import Problems
from metal.settings.racks import bmc_defaults

AUTO = {"protocol": "auto", "port": 6230, "redfish_port": 8443}


@pytest.mark.parametrize(
    ("defaults", "own", "ports"),
    [
        (AUTO, {}, (6230, 8443)),
        (AUTO, {"protocol": "ipmi"}, (6230, 443)),
        (AUTO, {"protocol": "redfish"}, (8443, 443)),
        (AUTO, {"protocol": "ipmi", "port": 623}, (623, 443)),
        ({"port": 6230}, {}, (6230, 443)),
        ({"port": 6230}, {"protocol": "auto"}, (6230, 443)),
        ({"port": 6230}, {"protocol": "redfish"}, (443, 443)),
        ({"protocol": "redfish", "port": 8443}, {"protocol": "ipmi"}, (623, 443)),
        ({"protocol": "redfish", "port": 8443}, {"protocol": "auto"}, (623, 8443)),
        ({"protocol": "redfish", "port": 8443}, {}, (8443, 443)),
    ],
)
@pytest.mark.parametrize("by_rack", [False, True])
def test_a_default_port_is_that_of_its_protocol(defaults, own, ports, by_rack) -> None:
    """:param by_rack: the host's rack says what differs, in the place of the host."""
    said, common = {} if by_rack else own, BmcDefaults.model_validate(defaults)
    host = HostModel.model_validate({"address": "10.0.0.1", "bmc": {"address": "10.9.0.1", "credentials": "p", **said}})
    if by_rack:
        common = bmc_defaults(RackModel.model_validate({"bmc": own}), common)
    found = read_bmc("n1", host, common, Path(), Problems(), "inventory.yaml")
    assert found is not None
    assert found.protocol is BmcProtocol(own.get("protocol") or defaults.get("protocol") or "ipmi")
    assert (found.port, found.redfish_port) == ports
