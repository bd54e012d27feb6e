"""The Consul binary that the lab's artifact mirror serves, built from its Go module."""

from __future__ import annotations

from pathlib import Path

from toolchain.cache import ROOT, Cache, sha256_of
from toolchain.gobuild import GoTool

__all__ = ["CONSUL_VERSION", "consul"]

CONSUL_VERSION = "1.15.4"

_BUILD = GoTool(
    "consul",
    module=ROOT / "toolchain" / "go" / "consul",
    package="github.com/hashicorp/consul",
    variables=[f"github.com/hashicorp/consul/version.Version={CONSUL_VERSION}"],
    static=True,
)


def consul(cache: Cache | None = None) -> Path:
    """The path of a Consul binary; `consul.sha256` beside it holds its sum.

    :raises ToolchainError: when it could not be built.
    """
    return (cache or Cache()).fetch(f"consul-{CONSUL_VERSION}", _fill) / "consul"


def _fill(folder: Path) -> None:
    binary = folder / "consul"
    _BUILD.build(binary)
    (folder / "consul.sha256").write_text(sha256_of(binary) + "\n")
