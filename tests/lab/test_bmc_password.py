"""The password of a BMC by another's hand: `ipmi_sim`, which keeps sixteen bytes of a new one whatever it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from metal.bmc.passwords.change import ensure_password
from metal.bmc.passwords.record import Records
from metal.bmc.pool import BmcPool
from metal.errors import BmcError, BmcFault
from metal.settings.credentials import Credentials
from metal.waiting import Run
from tests.lab.bmc_fixtures import start_bmc  # noqa: F401
from tests.lab.bmc_simulator import PASSWORD, USER, SimulatedBmc

pytestmark = [pytest.mark.root, pytest.mark.demand("U35")]

SECRETS = {
    "metalswarm:bmc-test": f"{USER}:{PASSWORD}",
    "metalswarm:bmc-next": f"{USER}:next-password",
    "metalswarm:bmc-long": f"{USER}:twenty-bytes-of-text",
}


def use(bmc: SimulatedBmc, folder: Path) -> tuple[BmcPool, Credentials]:
    credentials = Credentials.from_config(SECRETS, {})
    return BmcPool(credentials, sessions=4, per_subnet=4, interval=0, records=Records(folder)), credentials


def power(pool: BmcPool, bmc: SimulatedBmc) -> str:
    with pool.open(bmc.address, deadline=Run().deadline(20)) as opened:
        return str(opened.power())


@pytest.mark.demand("H4")
def test_the_password_is_changed_and_a_second_client_logs_in_with_it(start_bmc, tmp_path):  # noqa: F811
    bmc = start_bmc()
    pool, credentials = use(bmc, tmp_path / "records")
    assert ensure_password(pool, credentials, bmc.address, "next", deadline=Run().deadline(30))
    assert power(pool, bmc) == "off"
    assert asked_by_ipmitool(bmc, "next-password").endswith("is off")
    assert ensure_password(pool, credentials, bmc.address, "test", deadline=Run().deadline(30))
    assert asked_by_ipmitool(bmc, PASSWORD).endswith("is off")


def test_one_that_it_would_cut_off_is_not_left_behind(start_bmc, tmp_path):  # noqa: F811
    bmc = start_bmc()
    pool, credentials = use(bmc, tmp_path / "records")
    with pytest.raises(BmcError) as caught:
        ensure_password(pool, credentials, bmc.address, "long", deadline=Run().deadline(30))
    assert caught.value.fault is BmcFault.NOT_APPLIED
    assert power(pool, bmc) == "off"
    assert asked_by_ipmitool(bmc, PASSWORD).endswith("is off")


def asked_by_ipmitool(bmc: SimulatedBmc, password: str) -> str:
    from lab.command import output

    where = ["-H", bmc.ip, "-p", str(bmc.address.port), "-U", USER, "-E"]
    command = ["ipmitool", "-I", "lanplus", "-C", "3", "-N", "2", "-R", "3", *where, "chassis", "power", "status"]
    return output(command, env={"IPMI_PASSWORD": password}).strip()
