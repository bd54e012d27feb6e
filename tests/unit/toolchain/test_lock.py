"""requirements.lock and pyproject.toml belong together."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOCK = (ROOT / "requirements.lock").read_text()


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_pinned_dependency_is_locked_at_its_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = {_canonical(n): v for n, v in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", LOCK, re.MULTILINE)}
    for requirement in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        name, version = requirement.split("==")
        assert locked[_canonical(name)] == version


def test_every_package_has_sums_and_no_host_is_named() -> None:
    blocks = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert blocks
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in LOCK


def test_engine_and_sdk_have_one_version() -> None:
    from toolchain.release import PULUMI_VERSION

    assert f"\npulumi=={PULUMI_VERSION} " in LOCK
    assert f"pulumi/pkg/v3 v{PULUMI_VERSION}" in (ROOT / "toolchain/go/pulumi/go.mod").read_text()
