"""`metalswarm demo`: six virtual servers, from powered off to a running swarm, by the real Pulumi engine."""

from __future__ import annotations

from cli.demo.command import app

__all__ = ["app"]
