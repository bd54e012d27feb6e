"""`metalswarm backup`, `recover` and `restore`: what they ask, print and refuse; the acts themselves are replaced."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cli.stack
import metal.rescue
from cli.main import app
from metal.errors import MetalError, PlanRefused
from metal.plan.rescue import Recovery, RescueSight, Voter
from metal.rescue import BackupReport, RecoveryReport
from metal.rescue.seal import BackupKind, Label, seal
from metal.settings.credentials import Credentials
from tests.unit.small_fleet import OWNER, small_fleet

SEED = bytes(range(32))
ALIVE = Voter("n1", manager=True, server=True, answers=True, raft=1, consul=True)
DEAD = Voter("n2", manager=True, server=True, answers=False)


@pytest.fixture(autouse=True)
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").touch()
    credentials = Credentials.from_config({"metalswarm:seed": base64.b64encode(SEED).decode()}, {})
    monkeypatch.setattr(cli.stack, "open_stack", lambda stack: (small_fleet(tmp_path), credentials))


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Recovery]:
    """The recoveries that were carried out; of three voters n2 and n3 are dead."""
    plans: list[Recovery] = []

    def carry_out(site, cluster, plan):
        plans.append(plan)
        return RecoveryReport(cluster, "swarm1", ("n1",), ("n1",))

    sight = RescueSight((ALIVE, DEAD, Voter("n3", manager=True, server=True, answers=False)), (), False)
    monkeypatch.setattr(metal.rescue, "observe_recovery", lambda site, cluster: sight)
    monkeypatch.setattr(metal.rescue, "recover", carry_out)
    return plans


def run(*arguments: str, answer: str = "") -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(app, arguments, input=answer)
    return result.exit_code, result.output, result.exception


def test_recover_says_what_it_will_do_and_asks(done: list[Recovery]) -> None:
    named = ("recover", "blue", "--dead", "n2", "--dead", "n3")
    code, said, _ = run(*named, answer="n\n")
    assert (code, done) == (1, [])
    assert "given up for good, with what only they hold: n2, n3" in said
    assert "the only manager of the swarm from now on: n1" in said
    code, said, _ = run(*named, answer="y\n")
    assert (code, len(done)) == (0, 1)
    assert "swarm swarm1 of blue: managers n1" in said
    assert run(*named, "--yes")[0] == 0
    assert len(done) == 2


def test_recover_touches_nothing_that_is_not_proven(done: list[Recovery]) -> None:
    code, _, error = run("recover", "blue", "--yes")
    assert (code, done) == (1, [])
    assert isinstance(error, PlanRefused)
    assert "nothing shows that n2, n3 is off" in str(error)
    assert "--dead n2 --dead n3" in str(error)


@pytest.mark.parametrize("command", [("backup", "green"), ("recover", "green"), ("restore", "green", "inventory.yaml")])
def test_a_cluster_that_is_not_there(command: tuple[str, ...]) -> None:
    code, _, error = run(*command)
    assert code == 1
    assert isinstance(error, MetalError)
    assert "CLUSTER = green: no such cluster in the settings; allowed: " in str(error)


def test_backup_writes_where_the_settings_say_or_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Path] = []

    def back_up(site, cluster, folder):
        folders.append(folder)
        return BackupReport(cluster, (folder / "a.backup",))

    monkeypatch.setattr(metal.rescue, "back_up", back_up)
    code, said, _ = run("backup", "blue")
    assert (code, said.strip()) == (0, str(tmp_path / ".metalswarm/backups/shop.prod/a.backup"))
    run("backup", "blue", "--to", "elsewhere")
    assert folders == [tmp_path / ".metalswarm/backups/shop.prod", Path("elsewhere")]


def test_restore_shows_what_the_file_is_and_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[str] = []
    monkeypatch.setattr(metal.rescue, "restore_consul", lambda site, cluster, sealed: put.append("consul") or "n1")
    monkeypatch.setattr(metal.rescue, "restore_swarm", lambda site, cluster, host, sealed: put.append(host) or "swarm1")
    for kind in BackupKind:
        label = Label(OWNER, "blue", kind, "n2", "2026-01-02T03:04:05.000000Z")
        (tmp_path / f"{kind}.backup").write_bytes(seal(SEED, label, b"content"))
    code, said, _ = run("restore", "blue", "consul.backup", answer="n\n")
    assert (code, put) == (1, [])
    assert "consul of blue, taken on n2 at 2026-01-02T03:04:05.000000Z" in said
    assert run("restore", "blue", "consul.backup", answer="y\n")[0] == 0
    code, said, _ = run("restore", "blue", "swarm.backup", "--yes")
    assert put == ["consul", "n2"]
    assert "n2 is the only manager of the swarm swarm1" in said
    code, _, error = run("restore", "blue", "inventory.yaml", "--yes")
    assert (code, put) == (1, ["consul", "n2"])
    assert "no backup of ours" in str(error)
