"""A link of an old life that cannot be taken down: the run ends and says so, and the next one goes on there."""

from __future__ import annotations

import json

import pytest

from tests.engine.test_link import HOST, PARTS, SETTLING
from tests.engine.test_link import chain as chain  # the fixture

pytestmark = pytest.mark.engine

UNWILLING = """
    def undo(self, props):
        if props["host"] == "bad" and os.environ.get("UNWILLING"):
            raise HostError("has tasks that do not end", fault=HostFault.TIMEOUT, host="bad", tried=["drain"],
                            seen="1 task", next_step="stop it")
        note(undo"""


def test_a_failing_deletion_on_the_way_to_a_new_life_ends_the_run(chain) -> None:
    parts = PARTS.replace("    def undo(self, props):\n        note(undo", UNWILLING.lstrip("\n")).replace(
        "from providers.link import Link",
        "from metal.errors import HostError, HostFault\nfrom providers.link import Link",
    )
    assert "has tasks" in parts
    chain.environment |= {"PULUMI_CONTINUE_ON_ERROR": "true", "UNWILLING": "1"}
    chain.write(SETTLING, modules={"parts.py": parts})
    chain.up_with({"bad": HOST, "good": HOST})[0].expect()

    new = {"life": "g2", "size": 1}
    outcome, done = chain.up_with({"bad": new, "good": new, "late": HOST}, timeout=120)
    outcome.expect(ok=False)
    assert "bad: stopped at NextLink" in outcome.output
    assert "bad: has tasks that do not end" in outcome.output
    assert "Traceback" not in outcome.output
    assert [entry["life"] for entry in done if entry.get("host") == "good" and "act" in entry] == ["g2"] * 3
    assert [entry["life"] for entry in done if entry.get("host") == "late"] == ["g1"] * 3
    assert not [entry for entry in done if entry["host"] == "bad"]
    assert not list((chain.folder / ".metalswarm" / "run").glob("*")), "the note is taken away"

    del chain.environment["UNWILLING"]
    outcome, done = chain.up_with({"bad": new, "good": new, "late": HOST})
    outcome.expect()
    assert {entry["host"] for entry in done} == {"bad"}
    assert [entry["life"] for entry in done if "act" in entry] == ["g2"] * 3
    outcome, done = chain.up_with({"bad": new, "good": new, "late": HOST})
    assert (set(outcome.expect().changes), done) == ({"same"}, [])


def test_stalls_are_told_only_when_nothing_else_is_under_way(tmp_path) -> None:
    import threading

    from providers.stall import Stalls, read_note

    path = tmp_path / "run" / "note.json"
    stalls = Stalls(quiet=0.5)
    release = threading.Event()

    def operate() -> None:
        with stalls.operation():
            release.wait(30)

    worker = threading.Thread(target=operate)
    worker.start()
    stalls.stuck("n5", "SwarmNode", note=path)
    worker.join(1.5)
    assert worker.is_alive()
    assert read_note(path) is None
    release.set()
    worker.join(30)
    waiting = threading.Event()
    for _ in range(100):
        if read_note(path):
            break
        waiting.wait(0.1)
    assert json.loads(path.read_text()) == {"n5": "SwarmNode"}
