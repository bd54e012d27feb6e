"""A raised generation of a whole pool on the real engine: hosts are taken down in waves, whatever runs at once."""

from __future__ import annotations

import json
import textwrap

import pytest
import yaml

from tests.engine.test_link import PARTS, SETTLING
from tests.engine.test_link import chain as chain  # the fixture

pytestmark = pytest.mark.engine

# Links of hosts without a cluster: first of the metal, last the one that makes a ready host whole.
WAVES = """
class HostReadyProvider(NextLink):
    def act(self, props, before):
        if props["host"] == os.environ.get("BAD"):
            raise HostError("does not come up", fault=HostFault.TIMEOUT, host=props["host"], tried=["boot"],
                            seen="silence", next_step="look at its console")
        threading.Event().wait(0.4)
        return super().act(props, before)


class HostReady(Resource, module="probe", name="HostReady"):
    def __init__(self, name, props, opts=None):
        super().__init__(HostReadyProvider(), name, {**props, "made": None}, opts)
"""


@pytest.fixture
def pool(chain):
    inventory = {
        "defaults": {"ssh": {"user": "root"}, "bmc": {"protocol": "ipmi", "credentials": "default"}},
        "hosts": {f"w{i}": {"address": f"10.0.0.{i}", "bmc": f"10.9.0.{i}"} for i in range(1, 8)},
    }
    (chain.folder / "inventory.yaml").write_text(yaml.safe_dump(inventory))
    parts = PARTS + textwrap.dedent(WAVES)
    parts = parts.replace(
        "from providers.link import Link",
        "import threading\nfrom metal.errors import HostError, HostFault\nfrom providers.link import Link",
    )
    program = SETTLING.replace("import First, Next", "import First, HostReady")
    program = program.replace('"hold": ""}', '"hold": "", "home": "ready"}')
    program = program.replace(
        'last = Next(name, {**inputs, "up": first.id})', 'HostReady(name, {**inputs, "up": first.id})'
    )
    program = program.replace('        Next(name + "-last", {**inputs, "up": last.id})\n', "")
    chain.environment |= {"PULUMI_CONTINUE_ON_ERROR": "true"}
    chain.write(program, modules={"parts.py": parts})
    names = [f"w{i}" for i in range(1, 8)]

    def up(generation, **kw):
        pools = {
            "web": {"purpose": "ready", "hosts": names[:5], "generation": generation, "max_unavailable": 2},
            "db": {"purpose": "ready", "hosts": names[5:], "generation": generation},
        }
        document = {"inventory": ["inventory.yaml"], "pools": pools}
        chain.config({"metalswarm:fleet": json.dumps(document)})
        return chain.up_with({name: {"life": f"g{generation}", "size": 1} for name in names}, **kw)

    return up


def down_at_once(done, pool):
    """The most hosts of a pool between the end of an old life and the new life's last link, and how many came back."""
    down, most, back = set(), 0, []
    for entry in done:
        if entry["host"] not in pool:
            continue
        if entry.get("undo"):
            down.add(entry["host"])
            most = max(most, len(down))
        elif entry["act"] == "HostReadyProvider":
            down.discard(entry["host"])
            back.append(entry["host"])
    return most, back


@pytest.mark.demand("U57")
def test_a_pool_is_reinstalled_in_waves_and_stops_at_the_first_that_fails(chain, pool) -> None:
    pool(1)[0].expect()
    web, db = [f"w{i}" for i in range(1, 6)], ["w6", "w7"]

    outcome, done = pool(2)
    outcome.expect()
    most, back = down_at_once(done, web)
    assert (most, sorted(back)) == (2, web), done
    assert down_at_once(done, db)[0] == 1, done

    # The first that fails stops its own pool's wave; those who wait are not touched, and the run comes to its end.
    chain.environment["BAD"] = "w2"
    outcome, done = pool(3, timeout=120)
    outcome.expect(ok=False)
    most, back = down_at_once(done, web)
    touched = {entry["host"] for entry in done} & set(web)
    assert most <= 2, done
    assert "w2" in touched
    assert touched != set(web), "the wave went on past the host that failed"
    assert sorted(down_at_once(done, db)[1]) == db, "another pool's wave goes on"
    assert "the wave of pool web stopped at w2" in outcome.output
    assert "w2: does not come up" in outcome.output
    assert "w5: stopped at HostReady" in outcome.output or "w4: stopped at HostReady" in outcome.output
    assert "Traceback" not in outcome.output

    del chain.environment["BAD"]
    outcome, done = pool(3, timeout=120)
    outcome.expect()
    most, back = down_at_once(done, web)
    assert most <= 2, done
    assert set(back) == {"w2"} | (set(web) - touched), "the next run does what is left"
    assert pool(3)[1] == []
