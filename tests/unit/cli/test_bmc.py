from __future__ import annotations

import json
import signal
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from cli import bmc, stack
from metal.errors import MetalError
from metal.settings.credentials import Credentials
from tests.unit.metal.bmc.passwords.locking import NEW, OLD, USER, LockingBmc
from tests.unit.small_fleet import small_fleet

pytestmark = pytest.mark.demand("U35")


@pytest.fixture
def rack(tmp_path, monkeypatch):
    """The BMCs of n1 to n4; all but n4 stand in rack r1, n3 is on hold, n5 is in no pool."""
    bmcs = {f"n{number}": LockingBmc() for number in range(1, 6)}
    facts = {
        name: {"bmc": {"address": each.address, "port": each.port, "credentials": "old"}, "rack": "r1"}
        for name, each in bmcs.items()
    }
    facts["n4"]["rack"] = "r2"
    facts["n3"]["hold"] = "RMA"
    fleet = small_fleet(tmp_path, **facts)
    secrets = {"metalswarm:bmc-old": f"{USER}:{OLD}", "metalswarm:bmc-new": f"{USER}:{NEW}"}
    credentials = Credentials.from_config(secrets, {})
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "inventory.d").mkdir()
    monkeypatch.chdir(tmp_path / "inventory.d")
    monkeypatch.setattr(stack, "open_stack", lambda name: (fleet, credentials))
    before = signal.getsignal(signal.SIGINT)
    yield bmcs
    signal.signal(signal.SIGINT, before)
    for each in bmcs.values():
        each.close()


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(bmc.app, ["password", *arguments])
    if isinstance(done.exception, MetalError):
        raise done.exception
    return done.exit_code, done.output


def kept(bmcs: dict[str, LockingBmc]) -> dict[str, str]:
    return {name: each.password for name, each in bmcs.items()}


def test_a_rack_is_changed_and_the_status_says_what_to_name(rack):
    code, output = run("--to", "new", "--rack", "r1")
    assert code == 0, output
    assert kept(rack) == {"n1": NEW, "n2": NEW, "n3": OLD, "n4": OLD, "n5": OLD}
    assert "n2: has the password of new, as a login shows" in output
    code, output = run("--status")
    assert code == 1
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in output.splitlines()}
    assert lines["n1"] == "old new name new as bmc.credentials in the inventory"
    assert lines["n4"] == "old old"
    assert NEW not in output
    assert OLD not in output


def test_a_host_in_no_pool_and_one_by_name(rack):
    assert run("n5", "n4", "--to", "new")[0] == 0
    assert kept(rack) == {"n1": OLD, "n2": OLD, "n3": OLD, "n4": NEW, "n5": NEW}
    found = {one["host"]: one for one in json.loads(run("--status", "--json")[1])}
    assert found["n5"]["works"] == ["new"]
    assert found["n1"] == {"host": "n1", "settings": "old", "works": ["old"], "settled": True, "todo": ""}
    assert run("n4", "n5", "--forget")[0] == 0
    assert run("--status")[0] == 0


def test_where_the_first_one_fails_no_other_is_touched(rack):
    rack["n1"].users.refuses = 0xCC
    code, output = run("n1", "n2", "n4", "--to", "new")
    assert code == 1
    assert "n1 was the first, so the other 2 were not touched" in output
    assert set(kept(rack).values()) == {OLD}
    assert rack["n2"].log == []


def test_where_another_one_fails_the_rest_go_on(rack):
    rack["n2"].users.refuses = 0xCC
    code, output = run("n1", "n2", "n4", "--to", "new")
    assert code == 1
    assert "that of 'old' works as before" in output
    assert kept(rack) == {"n1": NEW, "n2": OLD, "n3": OLD, "n4": NEW, "n5": OLD}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["n9", "--to", "new"], "HOST = n9: no such host in the inventory; allowed: n1, n2, n3, n4, n5"),
        (["n3", "--to", "new"], "nobody may dial it: RMA"),
        (["--rack", "r9", "--to", "new"], "--rack = r9: no such rack with a host in a pool; allowed: r1, r2"),
        (["--to", "new"], "no host is named"),
        (["n1"], "one of --to PROFILE, --status, --forget"),
        (["n1", "--to", "new", "--status"], "one of --to PROFILE, --status, --forget"),
    ],
)
def test_what_is_not_meant_is_refused(rack, arguments, words):
    with pytest.raises(MetalError, match=words):
        run(*arguments)
    assert all(each.log == [] for each in rack.values())


def test_a_missing_profile_is_named_with_the_command_that_sets_it(rack):
    code, output = run("n1", "--to", "newer")
    assert code == 1
    assert "pulumi config set --secret metalswarm:bmc-newer" in output
    assert rack["n1"].log == []


def test_hosts_are_listed_in_the_order_of_their_numbers(rack, tmp_path):
    fleet = small_fleet(tmp_path)
    facts = fleet.unmanaged["n5"]
    late = replace(facts, name="n10", bmc=replace(facts.bmc, host="n10"))
    chosen = bmc.chosen(replace(fleet, unmanaged={"n10": late, "n5": facts}), (), (), everything=True)
    assert [each.host for each in chosen] == ["n1", "n2", "n3", "n4", "n5", "n10"]
    _, output = run("n5", "n2", "n1", "--status")
    assert [line.split()[0] for line in output.splitlines()] == ["host", "n1", "n2", "n5"]
