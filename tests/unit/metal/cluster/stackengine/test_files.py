import os
import subprocess
from pathlib import Path

import pytest

from metal.cluster.stackengine.driver import NodeSettings, driver_for
from metal.cluster.stackengine.files import (
    Arguments,
    edition_of,
    parse_arguments,
    parse_key,
    render_config,
    render_unit,
)
from metal.errors import PlanRefused
from metal.settings.fleet import Artifact, ManagerDriver

GOLDEN = Path(__file__).parents[4] / "golden" / "stackengine"
BINARY = Artifact("1.0.0", "http://mirror/stackengine", "0" * 64)


def settings(*, admin=True, seed=None, key="CUSTOMER-KEY"):
    return NodeSettings(key, admin, seed, "10.0.0.1", BINARY)


FILES = {
    "founder": render_config(settings()),
    "joiner": render_config(settings(seed="10.0.0.2")),
    "member": render_config(settings(admin=False, seed="10.0.0.2")),
    "stackengine.service": render_unit(),
}


@pytest.mark.parametrize("name", FILES)
def test_file_is_the_golden_one(name):
    golden = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(FILES[name])
    assert FILES[name] == golden.read_text()


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("founder", Arguments(True, None, "10.0.0.1")),
        ("joiner", Arguments(True, "10.0.0.2", "10.0.0.1")),
        ("member", Arguments(False, "10.0.0.2", "10.0.0.1")),
    ],
)
def test_what_was_written_is_read_back(name, read):
    assert parse_arguments(FILES[name]) == read


def test_another_file_is_not_taken_for_ours():
    assert parse_arguments("ID=unset\n") is None
    assert parse_arguments('STACKENGINE_ARGS="-admin"\n') is None


@pytest.mark.parametrize("key", ["", "  ", "two\nlines", "bell\x07"])
def test_a_key_that_the_file_cannot_hold_is_refused(key):
    with pytest.raises(ValueError, match="one line"):
        render_config(settings(key=key))


def test_quotes_in_a_key_survive():
    text = render_config(settings(key='a"b\\c'))
    line = text.splitlines()[0]
    read = subprocess.run(["sh", "-c", f'{line}; printf %s "$ID"'], capture_output=True, text=True, check=True)
    assert read.stdout == 'a"b\\c'
    assert parse_key(text) == 'a"b\\c'
    assert parse_key("STACKENGINE_ARGS=\n") is None


def test_the_key_is_in_no_repr():
    assert "CUSTOMER-KEY" not in repr(settings())


def test_a_new_key_role_seed_unit_or_binary_is_a_restart():
    base = edition_of(FILES["founder"], "unit", "binary")
    others = [
        edition_of(render_config(settings(key="ANOTHER")), "unit", "binary"),
        edition_of(FILES["joiner"], "unit", "binary"),
        edition_of(FILES["founder"], "unit 2", "binary"),
        edition_of(FILES["founder"], "unit", "binary 2"),
    ]
    assert len({base, *others}) == 5


def test_without_a_container_manager_there_is_no_driver():
    with pytest.raises(PlanRefused, match="'none'"):
        driver_for(ManagerDriver.NONE)
