"""A real sshd on loopback, with its own keys and nothing of the system's configuration."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from metal.settings.access import Access, Jump
from metal.settings.credentials import Credentials
from toolchain.sshd import PLACES

SSHD = shutil.which("sshd", path=PLACES)


def need_sshd() -> None:
    """The test runner installs it as root; who is not root may be without it."""
    if SSHD is None and os.geteuid() != 0:
        pytest.skip("no sshd: install openssh-server")
    assert SSHD, "openssh-server is not installed; toolchain.check does that as root"


def make_key(path: Path, kind: str = "ed25519") -> str:
    """Make a key pair; the public key without its comment."""
    bits = ["-b", "2048"] if kind == "rsa" else []
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *bits, "-N", "", "-f", str(path)], check=True)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


@dataclass
class Sshd:
    folder: Path
    port: int = 0
    options: list[str] = field(default_factory=list)
    address: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(
        cls, folder: Path, *options: str, kinds: tuple[str, ...] = ("ed25519",), address: str = "127.0.0.1"
    ) -> Sshd:
        """A server with fresh host keys and a fresh login key, not started."""
        folder.mkdir(parents=True)
        server = cls(folder, port=_free_port(address), options=list(options), address=address)
        server.new_host_keys(*kinds)
        make_key(folder / "login")
        (folder / "authorized_keys").write_text((folder / "login.pub").read_text())
        return server

    def new_host_keys(self, *kinds: str) -> None:
        for old in self.folder.glob("host_*"):
            old.unlink()
        for kind in kinds:
            make_key(self.folder / f"host_{kind}", kind)

    @property
    def host_key(self) -> str:
        return self.public("ed25519")

    def public(self, kind: str) -> str:
        return " ".join((self.folder / f"host_{kind}.pub").read_text().split()[:2])

    def start(self) -> None:
        assert SSHD is not None
        Path("/run/sshd").mkdir(exist_ok=True)
        config = self.folder / "sshd_config"
        keys = [f"HostKey {path}" for path in sorted(self.folder.glob("host_*")) if path.suffix != ".pub"]
        config.write_text(
            "\n".join(
                [
                    f"ListenAddress {self.address}",
                    f"Port {self.port}",
                    *keys,
                    f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
                    "PidFile none",
                    "StrictModes no",
                    "UsePAM no",
                    "PasswordAuthentication no",
                    "PermitRootLogin prohibit-password",
                    # The shell reads the start-up files of whoever it finds there: of nobody.
                    f"SetEnv HOME={self.folder}",
                    *self.options,
                    "",
                ]
            )
        )
        self.process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(config)],
            stderr=(self.folder / "log").open("ab"),
            start_new_session=True,
        )
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection((self.address, self.port), timeout=1).close()
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < end, "sshd does not listen"
                time.sleep(0.05)

    def freeze(self) -> None:
        """Stop the server and its connections from running, as a hung host would; only :meth:`stop` ends this."""
        assert self.process is not None
        for pid in [self.process.pid, *_descendants(self.process.pid)]:
            os.kill(pid, signal.SIGSTOP)

    def stop(self) -> None:
        """End the server and the processes of its connections, at once."""
        if self.process is None:
            return
        for pid in [self.process.pid, *_descendants(self.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        self.process.wait()
        self.process = None

    def access(self, *, host_key: str | None = None, jump: Jump | None = None, **kw: object) -> Access:
        values: dict[str, object] = {"user": "root", "key": "test", "sudo": False, **kw}
        return Access("h1", self.address, self.port, host_key=host_key, jump=jump, **values)  # type: ignore[arg-type]

    def jump(self, host_key: str | None = None) -> Jump:
        return Jump(self.address, self.port, "root", "test", host_key or self.host_key)

    def credentials(self, key: Path | None = None) -> Credentials:
        return Credentials.from_config({"metalswarm:ssh-test": (key or self.folder / "login").read_text()}, {})

    def connections(self) -> int:
        """How many connections sshd has accepted so far."""
        return (self.folder / "log").read_text().count("Accepted publickey")


def _free_port(address: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _descendants(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").glob("*/children"))
        children = [int(child) for task in tasks for child in task.read_text().split()]
    except OSError:  # it ended meanwhile, and its children went to nobody of ours
        return []
    return [found for child in children for found in (child, *_descendants(child))]
