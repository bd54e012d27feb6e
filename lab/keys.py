"""The SSH key that every host of a lab authorises for root."""

from __future__ import annotations

from pathlib import Path

from lab.command import output

__all__ = ["ensure_key"]


def ensure_key(path: Path, comment: str) -> Path:
    """Make the key pair unless it is there; returns the private key's path (mode 0600)."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = path.with_name(path.name + ".new")
        for leftover in (new, new.with_suffix(".new.pub")):
            leftover.unlink(missing_ok=True)
        output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(new)])
        Path(f"{new}.pub").rename(path.with_suffix(".pub"))
        new.rename(path)
    return path
