"""Packages on a host, by family: waited for, pinned, installed without starting anything."""

from metal.host.packages.family import Packages

__all__ = ["Packages"]
