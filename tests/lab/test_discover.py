"""OpenIPMI's BMCs found, told apart, written down, found again elsewhere; and looked at closely."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import discover, validate
from metal.bmc.budget import Budget
from metal.doctor.judge import judge
from metal.doctor.observe_bmc import observe_bmc
from metal.doctor.sight import HostSight, Machine
from metal.doctor.view import Examination
from metal.errors import SettingsError
from metal.settings.credentials import Credentials
from metal.waiting import Run
from tests.lab.bmc_fixtures import make_pool, start_bmc  # noqa: F401
from tests.lab.bmc_simulator import PASSWORD, PORT, USER, SimulatedBmc
from tests.unit.metal.bmc.fru_image import fru_image

pytestmark = pytest.mark.root

GUID = "4c4c454400424b108056b7c04f4a3132"
RANGE = "127.0.9.1-127.0.9.60"


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Runs the command over the simulators' addresses: exit code, standard output, standard error."""
    monkeypatch.setenv("METALSWARM_BMC_TEST", f"{USER}:{PASSWORD}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METALSWARM_BMC_WRONG", f"{USER}:not-the-one")

    def run(*arguments: object) -> tuple[int, str, str]:
        where = [RANGE, "--port", str(PORT), "--redfish-port", "0", "--rate", "1000"]
        done = CliRunner().invoke(discover.app, [*where, *map(str, arguments)])
        if isinstance(done.exception, SettingsError):
            return 2, done.stdout, str(done.exception)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert PASSWORD not in done.output
        assert "not-the-one" not in done.output
        return done.exit_code, done.stdout, done.stderr

    return run


@pytest.mark.demand("H2")
def test_found_written_validated_known_and_moved(start_bmc, found, tmp_path: Path) -> None:  # noqa: F811
    image = tmp_path / "fru.bin"
    image.write_bytes(fru_image(maker="ACME", product="Server 1", serial="7XK2PQ1", chassis_serial="", board_serial=""))
    first: SimulatedBmc = start_bmc(fru=image, guid=GUID)
    start_bmc()
    first.power(1)
    file = tmp_path / "rack1.yaml"
    code, _, told = found("--credentials", "test", "--write", file)
    assert code == 0, told
    assert "2 BMCs at 60 addresses, 2 new" in told
    line = "# ACME Server 1, BMC firmware 9.08, power on"
    text = file.read_text(encoding="utf-8")
    assert line in text
    assert 'uuid: "4c4c4544-0042-4b10-8056-b7c04f4a3132"' in text
    assert '  "7xk2pq1": {address:' in text
    done = CliRunner().invoke(validate.app, [str(file)])
    assert (done.exit_code, done.output) == (0, f"{file}: valid: an inventory of 2 hosts\n")

    code, _, told = found("--credentials", "test", "--write", file)
    assert (code, file.read_text(encoding="utf-8")) == (0, text), told
    assert f"{first.ip}: 7xk2pq1, as in {file}" in told

    # The same machine behind another BMC address.
    first.stop()
    moved: SimulatedBmc = start_bmc(fru=image, guid=GUID)
    code, _, told = found("--credentials", "test", "--inventory", file)
    assert code == 1
    assert f"{moved.ip}: 7xk2pq1, whose BMC {file} has at {first.ip}; --update changes it there" in told
    code, _, told = found("--credentials", "test", "--write", file, "--update")
    assert code == 0, told
    assert file.read_text(encoding="utf-8") == text.replace(
        f"bmc: {{address: {first.ip},", f"bmc: {{address: {moved.ip},"
    )


def test_without_a_login_and_with_a_wrong_one(start_bmc, found) -> None:  # noqa: F811
    bmc: SimulatedBmc = start_bmc()
    code, out, told = found()
    assert code == 1, told
    assert f"left to decide, so this ends with 1: {bmc.ip}" in told
    assert "# answers a ping; nobody logged in" in out
    assert f"bmc: {{address: {bmc.ip}, protocol: ipmi, port: {PORT}, credentials: default}}" in out
    code, out, told = found("--credentials", "wrong", "--json")
    assert code == 1
    seen = json.loads(out)["found"]
    assert [(each["address"], each["verdict"]) for each in seen] == [(bmc.ip, "new")]
    assert seen[0]["trouble"] == "wrong password (credential profile 'wrong')"
    code, _, told = found("--credentials", "no-such")
    assert code == 2
    assert "is in no Pulumi project" in told


def looked_at(bmc: SimulatedBmc) -> Examination:
    seen = observe_bmc(
        bmc.address,
        credentials=Credentials.from_config({"metalswarm:bmc-test": f"{USER}:{PASSWORD}"}, {}),
        budget=Budget(sessions=4, per_subnet=4),
        pool=make_pool(),
        run=Run(),
        patience=15,
        skip_boot="",
    )
    return judge(Machine("n1", bmc.ip, bmc.ip), HostSight(seen, ssh_skipped="is off"))


def test_the_simulator_looked_at_closely(start_bmc) -> None:  # noqa: F811
    """As the lab runs it, nothing is wrong with it; by itself its suite 0 lets anybody in."""
    bare: SimulatedBmc = start_bmc()
    assert "cipher-0" in [finding.code for finding in looked_at(bare).findings]
    bmc: SimulatedBmc = start_bmc(boot_flags=True)
    flags = bmc.folder / "bootflags"
    with make_pool().open(bmc.address, deadline=Run().deadline(30)) as opened:
        opened.set_boot_device(opened.boot_device().target.PXE, once=False, efi=True)
    before = flags.read_text().split()[0]
    assert before.startswith("e004")
    judged = looked_at(bmc)
    assert judged.findings == ()
    assert judged.words["boot"].state == "kept"
    assert flags.read_text().split()[0] == before
    assert judged.words["firmware"].state == "9.08"
