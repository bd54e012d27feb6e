import json

import pytest

from metal.settings.access import Access, BmcAddress, BmcProtocol, Jump

JUMP = Jump("10.0.0.1", 22, "ops", "default", "ssh-ed25519 AAAA")


@pytest.mark.parametrize(
    "value",
    [
        JUMP,
        Access("n1", "10.77.0.11", 22, "root", "default", False),
        Access("n1", "10.77.0.11", 2222, "ops", "rack1", True, "ssh-ed25519 AAAA", JUMP),
        BmcAddress("n1", "127.0.2.1", 6230, BmcProtocol.IPMI, "default"),
    ],
)
def test_values_survive_an_engines_wire(value) -> None:
    """Numbers come back as floats and absent members may be dropped."""
    wire = json.loads(json.dumps(value.to_dict()), parse_int=float)
    assert type(value).from_dict(wire) == value
    present = {key: member for key, member in wire.items() if member is not None}
    assert type(value).from_dict(present) == value
