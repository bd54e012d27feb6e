"""The table of :mod:`metal.bmc.quirks`. A row needs a source and a recorded reply; docs/quirks.md shows it."""

from __future__ import annotations

from metal.bmc.quirks import BootMode, Quirk

__all__ = ["QUIRKS"]

_SUPERMICRO = frozenset({10876, 47488})

QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        family="Supermicro, IPMI",
        enterprises=_SUPERMICRO,
        treat=(("efi_disk", 0x24),),
        source="OpenStack Ironic, story 2008241: Supermicro boots UEFI disks by selector 0x24",
        recorded="ipmi/supermicro.json",
    ),
    Quirk(
        family="Supermicro, Redfish",
        makers=("supermicro", "super micro"),
        treat=(("boot_mode", BootMode.SEND),),
        source="DMTF/Redfishtool#106: the mode goes back to its default unless it is sent; "
        "ironcore-dev/metal-operator#985: BMCs that do not show the mode refuse it",
        recorded="redfish/supermicro-x12.json",
    ),
    Quirk(
        family="Supermicro X11, X12, Redfish",
        makers=("supermicro", "super micro"),
        treat=(("optical", "UsbCd"),),
        source="OpenStack sushy 5.14.0, resources/system/system.py: virtual media boots as UsbCd, not as Cd",
        recorded="redfish/supermicro-x12.json",
    ),
    Quirk(
        family="HPE iLO, Redfish",
        makers=("hpe", "hewlett packard enterprise", "hp"),
        treat=(("boot_mode", BootMode.OMIT),),
        source="ansible-collections/community.general#3509: the mode is not writable, a request that holds it is "
        "refused; metal3-io/metal3-docs#581: the same seen on iLO 5",
        recorded="redfish/hpe-ilo5.json",
    ),
    Quirk(
        family="HPE iLO, Redfish",
        makers=("hpe", "hewlett packard enterprise", "hp"),
        treat=(("cleared_target", "Pxe"),),
        source="ironcore-dev/metal-operator#998: an override is not disabled together with target None",
        recorded="redfish/hpe-ilo5.json",
    ),
    Quirk(
        family="HPE iLO, Redfish",
        makers=("hpe", "hewlett packard enterprise", "hp"),
        treat=(("busy", ("UnableToModifyDuringSystemPOST",)),),
        source="ironcore-dev/metal-operator#997: the boot override is refused with 400 while the system is in POST",
        recorded="redfish/hpe-ilo5.json",
    ),
    Quirk(
        family="Dell iDRAC, Redfish",
        makers=("dell",),
        treat=(("full", ("RAC0218",)),),
        source="quadsproject/badfish#447, stmcginnis/gofish#75: 503 with RAC0218 when all sessions are taken",
        recorded="redfish/dell-idrac9.json",
    ),
    Quirk(
        family="Dell iDRAC, Redfish",
        makers=("dell",),
        treat=(("serial", "SKU"),),
        source="ansible/ansible#53461, bb-Ricardo/netbox-sync#375: the service tag, which the system shows as its "
        "serial number, is the SKU; SerialNumber is the board's",
        recorded="redfish/dell-idrac9.json",
    ),
)
