"""The settings files that are part of the project hold, and the schemas are those of the models."""

import dataclasses
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.schema import app as schema_app
from cli.validate import app as validate_app
from metal.errors import SettingsError
from metal.settings.fleet import Deadlines, Fleet, Limits, PowerWish, Purpose, ReadyFloors, SwarmWish
from metal.settings.fleet_model import DeadlinesModel, LimitsModel, ReadyModel, SwarmModel
from metal.settings.load import load_fleet, load_stack_file
from metal.settings.ready_model import resolve_ready
from metal.settings.schema import KINDS, json_schema, schema_text

ROOT = Path(__file__).parents[4]
PROD = ROOT / "examples" / "prod"


@pytest.fixture(scope="module")
def lab() -> Fleet:
    return load_stack_file(ROOT / "Pulumi.dev.yaml", root=ROOT, owner="metalswarm/dev")


def test_the_dev_stack_is_the_lab(lab: Fleet) -> None:
    assert {name: host.access.address for name, host in lab.hosts.items()} == {
        f"n{i}": f"10.77.0.{10 + i}" for i in range(1, 7)
    }
    assert {name: (host.bmc.address, host.bmc.port) for name, host in lab.hosts.items() if host.bmc} == {
        f"n{i}": (f"127.0.2.{i}", 6230) for i in range(1, 7)
    }
    assert lab.clusters["blue"].managers == ("n1", "n2", "n3")
    assert lab.clusters["blue"].workers == ("n4", "n5")
    assert (lab.hosts["n6"].purpose, lab.hosts["n6"].power) == (Purpose.FREE, PowerWish.OFF)
    assert {host.on_destroy for host in lab.hosts.values()} == {"off"}


def test_lives_name_what_needs_a_new_chain(lab: Fleet) -> None:
    n4 = lab.hosts["n4"]
    assert n4.life == "g1"
    assert dataclasses.replace(n4, generation=2).life == "g2"
    assert dataclasses.replace(n4, purpose=Purpose.FREE).life == "g1-free"
    assert lab.hosts["n6"].life == "g1-off"


def test_the_production_example_holds() -> None:
    fleet = load_stack_file(PROD / "Pulumi.prod.yaml", root=PROD, owner="metalswarm/prod")
    assert fleet.hosts["r2-02"].hold
    assert fleet.hosts["r1-01"].access.jump
    assert list(fleet.unmanaged) == ["r2-05"]
    assert fleet.facts("r2-05") is fleet.unmanaged["r2-05"]
    assert fleet.facts("r9-99") is None
    assert [host.name for host in fleet.members("blue")][:3] == ["r1-01", "r1-02", "r2-01"]


def test_one_list_of_defaults(lab: Fleet) -> None:
    """The models' defaults and those of the resolved types are the same."""
    assert Deadlines(**DeadlinesModel().model_dump()) == Deadlines()
    assert Limits(**LimitsModel().model_dump()) == Limits()
    assert SwarmWish(**SwarmModel().model_dump()) == SwarmWish()
    assert resolve_ready(ReadyModel()) == ReadyFloors()


def test_the_whole_document_may_be_wrong_at_its_root(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="inventory: is missing"):
        load_fleet({}, root=tmp_path, owner="p/s")


@pytest.mark.parametrize("kind", KINDS)
def test_schema_files_are_up_to_date(kind: str) -> None:
    """To renew them: metalswarm schema --write schema."""
    assert (ROOT / "schema" / f"{kind}.json").read_text(encoding="utf-8") == schema_text(kind)


def test_the_schema_knows_the_short_form_of_a_bmc_and_no_private_key_of_the_model() -> None:
    bmc = json_schema("inventory")["$defs"]["BmcModel"]
    assert bmc["anyOf"][0]["type"] == "string"
    assert "absent" not in bmc["anyOf"][1]["properties"]
    assert bmc["anyOf"][1]["additionalProperties"] is False


def test_schema_command(tmp_path: Path) -> None:
    assert CliRunner().invoke(schema_app, ["inventory"]).output == schema_text("inventory")
    assert CliRunner().invoke(schema_app, ["--write", str(tmp_path)]).exit_code == 0
    assert {path.stem for path in tmp_path.iterdir()} == set(KINDS)
    assert CliRunner().invoke(schema_app, []).exit_code == 2


def test_validate_command(tmp_path: Path) -> None:
    good = CliRunner().invoke(
        validate_app, [str(PROD / "Pulumi.prod.yaml"), str(PROD / "inventory" / "rack1.yaml"), "--root", str(PROD)]
    )
    assert good.exit_code == 0, good.output
    assert "8 hosts" not in good.output
    assert "7 hosts in pools, 1 unmanaged, clusters blue" in good.output
    (tmp_path / "inventory.yaml").write_text("hosts: {n1: {adress: 10.0.0.1, bmc: none}}\n")
    (tmp_path / "Pulumi.x.yaml").write_text("config: {metalswarm:fleet: {inventory: [inventory.yaml]}}\n")
    (tmp_path / "Pulumi.y.yaml").write_text("config: {}\n")
    files = [str(tmp_path / name) for name in ("Pulumi.x.yaml", "Pulumi.y.yaml", "inventory.yaml")]
    bad = CliRunner().invoke(validate_app, files)
    assert bad.exit_code == 1
    assert bad.output.count("did you mean address?") == 2
    assert "config.metalswarm:fleet: is missing" in bad.output
