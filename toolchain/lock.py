"""`python -m toolchain.lock`: write requirements.lock anew from pyproject.toml, with all published sums."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from toolchain.cache import ROOT

_PIP = "pip==25.3"
_COMPILER = "pip-tools==7.5.2"
_COMMAND = "python -m toolchain.lock"


def main() -> None:
    """Resolve in a temporary environment, with this Python. Options of the caller's pip stay out of the file."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_FIND_LINKS")}
    environment["CUSTOM_COMPILE_COMMAND"] = _COMMAND
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "bin", "python")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", _PIP, _COMPILER], check=True, env=environment)
        subprocess.run(
            [
                *(python, "-m", "piptools", "compile", "--quiet", "--generate-hashes", "--strip-extras"),
                *("--allow-unsafe", "--extra", "dev", "--all-build-deps", "--resolver", "backtracking"),
                *("--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links", "--no-emit-options"),
                *("--output-file", "requirements.lock", "pyproject.toml"),
            ],
            cwd=ROOT,
            env=environment,
            check=True,
        )


if __name__ == "__main__":
    main()
