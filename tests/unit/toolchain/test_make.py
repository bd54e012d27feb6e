"""What a person sees of `make` beside what the commands that it calls say themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("target", ["demo", "demo-down"])
def test_the_environment_is_made_in_silence_but_for_its_progress(tmp_path: Path, target: str) -> None:
    python = script(tmp_path / "python3", 'echo "$PWD/.venv/bin/python"; echo "installing requirements.lock ..." >&2')
    script(tmp_path / "metalswarm", 'echo "metalswarm $*"')
    done = subprocess.run(
        ["make", "--no-print-directory", target, f"PYTHON={python}", f"VENV={tmp_path}"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == f"metalswarm demo {'up' if target == 'demo' else 'down'}\n"
    assert done.stderr == "installing requirements.lock ...\n"
