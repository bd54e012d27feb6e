"""Other metal under a host's name: what the old one, its BMC and what is remembered of it come to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metal.bmc.protocol import BootDevice, BootTarget, Power
from metal.chassis.boot import disarm_boot, keep_boot
from metal.chassis.ledger import Entry
from metal.chassis.life import end_life
from metal.chassis.power import keep_power
from metal.errors import BmcError, HostError, HostFault
from metal.host.wish import ReadyWish
from metal.settings.fleet import HostFacts, PowerWish
from tests.unit.metal.chassis.machine import ACCESS, BMC, GUID, OWNER, wish

PXE_ONCE = BootDevice(BootTarget.PXE, once=True)


def stands(site, name, bmc):
    facts = HostFacts(name, ACCESS, bmc, None, None, (), None, None, False, False, False)
    return replace(site, fleet=replace(site.fleet, unmanaged={name: facts}))


def replaced(site):
    """The run in which n1 gets other metal, whose BMC is at another address."""
    return replace(stands(site, "n1", replace(BMC, address="10.9.0.99")), _replaced={"n1"})


def test_a_bmc_of_another_machine_is_not_touched(site, machine) -> None:
    machine.device, machine.power = BootDevice(BootTarget.DISK), Power.ON
    with pytest.raises(HostError) as caught:
        keep_boot(site, wish(), 1, guid="ff" * 16)
    assert caught.value.fault is HostFault.NOT_OURS
    assert (machine.device, machine.acts) == (BootDevice(BootTarget.DISK), [])
    assert keep_boot(site, wish(), 1, guid=GUID).guid == GUID
    assert keep_boot(site, wish(), 1).guid == GUID, "learnt where it was not known"


@pytest.mark.parametrize("state", list(Power))
def test_a_bmc_found_elsewhere_switches_nothing(site, machine, state) -> None:
    machine.power, machine.device = state, PXE_ONCE
    assert keep_power(site, wish(), moved=True) == state.value
    assert (machine.acts, machine.device) == ([], PXE_ONCE)


def test_within_a_life_a_network_boot_that_waits_cycles_nothing(site, machine) -> None:
    machine.power, machine.device = Power.ON, PXE_ONCE
    assert keep_power(site, wish(), moved=False) == "on"
    assert machine.acts == []
    assert keep_power(site, wish(power=PowerWish.OFF), moved=False) == "off"
    assert machine.acts == ["soft off"]


def test_the_old_metal_is_switched_off_and_forgotten(site, machine, ledger) -> None:
    machine.power, machine.device = Power.ON, PXE_ONCE
    ledger.write("n1", Entry(1, machine_id="m1", host_key="k"))
    disarm_boot(replaced(site), wish(), ledger, installed=1, superseded=True, guid=GUID)
    assert (machine.acts, machine.power) == (["soft off"], Power.OFF)
    assert ledger.read("n1") is None


@pytest.mark.parametrize("what", ["another machine answers", "the address is another host's", "it is the new one's"])
def test_a_machine_that_is_not_known_to_be_the_old_one_is_left_alone(site, machine, ledger, what) -> None:
    machine.power = Power.ON
    run, guid = replaced(site), GUID
    if what == "another machine answers":
        guid = "ff" * 16
    elif what == "the address is another host's":
        run = replace(stands(site, "n7", BMC), _replaced={"n1"})
    else:
        run, guid = replace(stands(site, "n1", BMC), _replaced={"n1"}), ""
    disarm_boot(run, wish(), ledger, installed=1, superseded=True, guid=guid)
    assert (machine.acts, machine.power) == ([], Power.ON)


def test_an_old_bmc_that_is_dead_stops_nothing(site, machine, ledger) -> None:
    machine.silent = True
    disarm_boot(replaced(site), wish(), ledger, installed=1, superseded=True, guid=GUID)
    with pytest.raises(BmcError):
        disarm_boot(site, wish(), ledger, installed=1, superseded=True, guid=GUID)


@pytest.mark.parametrize("fault", [HostFault.HOST_KEY, HostFault.UNREACHABLE, HostFault.AUTH])
def test_a_life_on_metal_that_is_gone_ends_without_it(site, ledger, monkeypatch, fault) -> None:
    def refuse(*args, **kwargs):
        raise HostError("no", fault=fault, host="n1")

    monkeypatch.setattr("metal.chassis.life.release_host", refuse)
    ledger.write("n1", Entry(1, machine_id="m1", host_key="k"))
    ready = ReadyWish("n1", OWNER, 1, "g1", (), 5, 1, 1)
    more = {"machine_id": "m1", "wipe": False, "bmc": None, "lost": False}
    end_life(replaced(site), ACCESS, ready, ledger, **more)
    assert ledger.read("n1") is None
    with pytest.raises(HostError):
        end_life(site, ACCESS, ready, ledger, **more)
