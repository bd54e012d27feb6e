"""A BMC asked, after a login, which machine it belongs to. Changes nothing."""

from __future__ import annotations

from metal.bmc.budget import Budget
from metal.bmc.ipmi.fru import read_fru
from metal.bmc.ipmi.guid import GET_SYSTEM_GUID, likely_uuid, readings, spell_guid
from metal.bmc.ipmi.lan import GET_MAC, decode_mac
from metal.bmc.visit import LoggedIn, visit
from metal.discover.sight import Machine
from metal.errors import BmcError
from metal.settings.access import BmcAddress
from metal.settings.credentials import Credentials
from metal.waiting import Run

__all__ = ["ask_ipmi"]

# FRU data come in pieces of 16 bytes, one command each.
_SECONDS = 60.0
_TURN_SECONDS = 3600.0


def ask_ipmi(address: BmcAddress, *, credentials: Credentials, budget: Budget, run: Run, patience: float) -> Machine:
    """Log in and ask; what it does not say is left empty.

    :param patience: seconds that a login or an answer is waited for.
    :raises BmcError: no login; a refused one is not tried twice.
    :raises SettingsError: the credential profile is missing.
    :raises Cancelled: the run was cancelled.
    """
    with (
        visit(address, credentials=credentials, budget=budget, turn=run.deadline(_TURN_SECONDS)) as held,
        held.login(run.deadline(_SECONDS), patience=patience) as opened,
    ):
        return _ask(opened)


def _ask(opened: LoggedIn) -> Machine:
    """What can be had: a BMC that stops answering half-way has said what it has said."""
    link = opened.link
    seen: dict[str, object] = {}
    try:
        identity = opened.bmc.identity()
        seen |= {"maker": identity.manufacturer, "product": identity.product, "firmware": identity.firmware}
        seen["power"] = str(opened.bmc.power())
        reply = link.request(GET_SYSTEM_GUID, "Get System GUID")
        guid = reply.data[:16] if reply.code == 0 and spell_guid(reply.data[:16]) else link.guid
        seen |= {"guid": spell_guid(guid), "uuid": likely_uuid(guid), "uuids": readings(guid)}
        reply = link.request(GET_MAC, "Get LAN Configuration Parameters")
        seen["mac"] = decode_mac(reply.data) if reply.code == 0 else ""
        fru = read_fru(link.request)
        seen |= {"serial": fru.serial, "serials": fru.serials}
        seen |= {key: value for key, value in (("maker", fru.maker), ("product", fru.product)) if value}
    except BmcError:
        if not seen:
            raise
    return Machine(**seen)  # type: ignore[arg-type]
