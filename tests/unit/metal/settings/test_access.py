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
        BmcAddress("n1", "127.0.2.1", 443, BmcProtocol.REDFISH, "default", fingerprint="sha256:00", system="2"),
        BmcAddress("n1", "127.0.2.1", 623, BmcProtocol.AUTO, "default", redfish_port=8443, plain_http=True, uuid="u"),
    ],
)
def test_values_survive_an_engines_wire(value) -> None:
    """Numbers come back as floats and absent members may be dropped."""
    wire = json.loads(json.dumps(value.to_dict()), parse_int=float)
    assert type(value).from_dict(wire) == value
    present = {key: member for key, member in wire.items() if member is not None}
    assert type(value).from_dict(present) == value


def test_a_bmc_from_before_redfish_keeps_its_form() -> None:
    """More keys in a resource's inputs would change every host of an older stack."""
    assert BmcAddress("n1", "127.0.2.1", 6230, BmcProtocol.IPMI, "default").to_dict() == {
        "host": "n1",
        "address": "127.0.2.1",
        "port": 6230,
        "protocol": "ipmi",
        "credentials": "default",
    }
