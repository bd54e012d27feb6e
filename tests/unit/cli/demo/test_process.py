from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from metal.errors import MetalError
from metal.waiting import Pending, Run, wait_until

CHILD = """
trap 'sleep 0.6; echo orderly > "$0/ended"; exit 3' INT
touch "$0/ready"
while :; do sleep 0.05; done
"""
PARENT = "import sys; from cli.demo.process import run; run(['sh', '-c', sys.argv[1], sys.argv[2]])"


def test_interrupted_child_has_the_time_to_end_in_order(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD, str(tmp_path)], start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_until(
            "the child runs",
            lambda: (tmp_path / "ready").exists() or Pending("no"),
            deadline=Run().deadline(20),
            fail=lambda what, seen: MetalError(what, seen=seen),
            interval=0.05,
        )
        # What a terminal does on Ctrl-C: the signal goes to both.
        os.killpg(parent.pid, signal.SIGINT)
        _, errors = parent.communicate(timeout=20)
    finally:
        if parent.poll() is None:
            os.killpg(parent.pid, signal.SIGKILL)
    assert (tmp_path / "ended").read_text() == "orderly\n"
    assert "KeyboardInterrupt" in errors
