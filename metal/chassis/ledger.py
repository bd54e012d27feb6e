"""What this workstation knows of each host's last life, for the moment when the host cannot be asked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from metal.errors import HostError, HostFault
from metal.ledger_access import needed, reason
from metal.site import ledger_folder

__all__ = ["Entry", "HostKeys", "Ledger"]


@dataclass(frozen=True)
class Entry:
    """The last life of ours on one host.

    :ivar installed: generation it was last seen with.
    :ivar wipe: that life ended in a pool that asked for a reinstall on leaving.
    :ivar probing: a probe was under way: it was started from its disk only to see who answers.
    :ivar machine_id: of its system; empty where it was never seen.
    :ivar host_key: likewise, as `type base64`.
    :ivar armed: the life for which an install was armed and whose system has not shown itself yet; empty for none.
    :ivar missed: the life whose system was waited for in vain; empty for none.
    """

    installed: int
    wipe: bool = False
    probing: bool = False
    machine_id: str = ""
    host_key: str = ""
    armed: str = ""
    missed: str = ""


class HostKeys(dict[str, str]):
    """Host keys by host; to ask for that of a host whose line could not be read raises that error."""

    def __init__(self) -> None:
        super().__init__()
        self.unread: dict[str, HostError] = {}

    def get(self, host: str, default: Any = None) -> Any:
        if host in self.unread:
            raise self.unread[host]
        return super().get(host, default)


class Ledger:
    """A folder with one small file a host; survives a crash between the end of one life and the start of the next.

    The host's own marker is the better witness and is always asked first. A line here stands in for it while the host
    is off or silent; without one the decision falls back to probing the host, or to refusing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of(cls, root: Path, owner: str) -> Ledger:
        """The lines of one stack; the arguments are those of :func:`ledger_folder`."""
        return cls(ledger_folder(root, owner))

    def host_keys(self, hosts: Iterable[str]) -> HostKeys:
        """The key that each host showed in its last life; without those whose next system is under way.

        A line that cannot be read is its host's error alone, when the key is asked for: no other one is taken for it.
        """
        keys = HostKeys()
        for host in hosts:
            try:
                entry = self.read(host)
            except HostError as error:
                keys.unread[host] = error
                continue
            if entry and entry.host_key and not entry.armed:
                keys[host] = entry.host_key
        return keys

    def read(self, host: str) -> Entry | None:
        path = self._path(host)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _shut("read", host, error, path) from None
        try:
            data = json.loads(text)
            return Entry(
                installed=int(data["installed"]),
                wipe=bool(data["wipe"]),
                probing=bool(data["probing"]),
                machine_id=str(data["machine_id"]),
                host_key=str(data["host_key"]),
                armed=str(data.get("armed", "")),
                missed=str(data.get("missed", "")),
            )
        except (ValueError, KeyError, TypeError):
            raise HostError(
                "the local ledger line about it cannot be read",
                fault=HostFault.NOT_READY,
                host=host,
                seen=text[:80],
                next_step=f"look at {path}; delete it, and the host itself is asked before anything is installed",
            ) from None

    def write(self, host: str, entry: Entry) -> None:
        """:raises HostError: it cannot be kept; nothing has been done that it stands for."""
        path = self._path(host)
        fresh = path.with_suffix(f".{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps(asdict(entry)) + "\n", encoding="utf-8")
            fresh.replace(path)
        except OSError as error:
            raise _shut("written", host, error, path) from None

    def note_probe(self, host: str) -> None:
        """Note that a probe begins."""
        self._change(host, probing=True)

    def note_boot(self, host: str, life: str, *, installing: bool) -> None:
        """Note that the first boot of a life is decided on; a host of which nothing else is known leaves no line."""
        self._change(host, probing=False, armed=life if installing else "", missed="")

    def note_missed(self, host: str, life: str) -> None:
        """Note that this life's system was waited for in vain, so that the next run does more than wait."""
        self._change(host, missed=life)

    def note_installed(self, host: str, generation: int) -> None:
        """Note what a life that ends was installed with, where less is known here: the state saw every workstation.

        Nothing while an install is armed: that life ends without having shown itself.
        """
        before = self.read(host) or Entry(0)
        if not before.armed and before.installed < generation:
            self._change(host, installed=generation)

    def _change(self, host: str, **what: Any) -> None:
        after = replace(self.read(host) or Entry(0), **what)
        if after == Entry(0):
            self.forget(host)
        else:
            self.write(host, after)

    def rename(self, was: str, host: str) -> None:
        """Carry the line over to the host's new name; nothing where there is none, or where that was done."""
        if self._path(was).exists():
            self._path(was).replace(self._path(host))

    def forget(self, host: str) -> None:
        self._path(host).unlink(missing_ok=True)

    def _path(self, host: str) -> Path:
        return self._folder / f"{host}.json"


def _shut(done: str, host: str, error: OSError, path: Path) -> HostError:
    """:param done: what cannot be done with the line."""
    return HostError(
        f"the local ledger line about it cannot be {done}",
        fault=HostFault.NOT_READY,
        host=host,
        seen=reason(error, path),
        next_step=needed(path),
    )
