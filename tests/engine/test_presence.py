"""A provider server that is killed by itself: the run ends and says so, and the next one goes on there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from providers.presence import has_died
from tests.engine.test_link import HOST, PARTS, SETTLING
from tests.engine.test_link import chain as chain  # the fixture
from tests.waiting import wait_for

pytestmark = pytest.mark.engine

HANGING = """
import threading


def hang(verb, props):
    if props["host"] == "bad" and os.environ.get("HANG") == verb:
        LOG.with_name("pid").write_text(str(os.getpid()))
        threading.Event().wait(120)


class BaseLink("""


@pytest.mark.demand("U59")
@pytest.mark.parametrize(("verb", "with_signal"), [("undo", "SIGKILL"), ("undo", "SIGTERM"), ("act", "SIGKILL")])
def test_a_killed_provider_server_ends_the_run(chain, verb: str, with_signal: str) -> None:
    parts = PARTS.replace("class BaseLink(", HANGING)
    for act in ("act", "undo"):
        parts = parts.replace(f"        note({act}=", f'        hang("{act}", props)\n        note({act}=')
    chain.environment["PULUMI_CONTINUE_ON_ERROR"] = "true"
    chain.write(SETTLING, modules={"parts.py": parts})
    chain.up_with({"bad": HOST, "good": HOST})[0].expect()

    wanted = {"bad": {"life": "g2", "size": 1}, "good": HOST}
    chain.config({"hosts": json.dumps(wanted)})
    chain.environment["HANG"] = verb
    engine = chain.start("up", "--yes", "--skip-preview", "--stack", "dev")
    pid = chain.log.with_name("pid")
    try:
        wait_for("the operation is under way", lambda: pid.exists() and bool(pid.read_text()))
        os.kill(int(pid.read_text()), signal.Signals[with_signal])
        output, _ = engine.communicate(timeout=60)
    finally:
        engine.kill()
    assert engine.returncode
    if verb == "undo":  # the engine answers a failed creation, and never a failed deletion on the way to one
        assert "the provider server ended before its work was done" in output
    assert "run the same command again" in output
    assert "Traceback" not in output
    assert not list((chain.folder / ".metalswarm" / "run").glob("*")), (
        "nothing that the next run could take for its own"
    )

    del chain.environment["HANG"]
    outcome, done = chain.up_with(wanted)
    outcome.expect()
    assert {entry["host"] for entry in done} == {"bad"}
    assert [entry["life"] for entry in done if "act" in entry] == ["g2"] * 3
    outcome, done = chain.up_with(wanted)
    assert (set(outcome.expect().changes), done) == ({"same"}, [])


def test_the_lock_ends_with_the_process_however_it_ends(tmp_path) -> None:
    path = tmp_path / "run" / "server.lock"
    assert not has_died(path), "nobody has begun to act"
    text = (
        "import sys, threading; from pathlib import Path; from providers.presence import presence\n"
        "presence.announce(Path(sys.argv[1])); print('held', flush=True); threading.Event().wait(60)"
    )
    server = subprocess.Popen([sys.executable, "-c", text, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        assert server.stdout.readline() == "held\n"
        assert not has_died(path)
        server.kill()
        server.wait()
        assert has_died(path)
    finally:
        server.kill()
        server.wait()
