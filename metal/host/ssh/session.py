"""A host as threads see it: run, script, read, write, remove, tunnels. Calls block, bounded and cancellable."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from metal.errors import HostError, HostFault
from metal.host.ssh import files, tunnel
from metal.host.ssh.link import Attempt, Link
from metal.host.ssh.loop import LoopThread
from metal.host.ssh.process import OUTPUT_LIMIT, Completed, Overflow, Vanished, command_line, execute
from metal.settings.access import Access
from metal.waiting import Run

__all__ = ["READ_ONLY_CURE", "Ssh"]

READ_ONLY_CURE = (
    "look at `dmesg` and `mount` on the host: a disk with errors is mounted so. Replace it and raise the host's "
    "generation, or mount it for writing again (mount -o remount,rw /), then run again"
)
"""What to do about a file system that is read-only and should not be."""

T = TypeVar("T")

# In the C locale, which every command is run in.
_READ_ONLY = "Read-only file system"
_FILE_SECONDS = 120.0
_TUNNEL_SECONDS = 10.0
_TAIL_CHARACTERS = 2000
# The kernel's limit for a unix socket's path is 108 bytes.
_SOCKET_FOLDER_LIMIT = 80


class Ssh:
    """One host, reached and verified. Made by :class:`metal.host.ssh.SshPool`; threads may share it.

    :ivar access: how it is reached.
    """

    def __init__(self, access: Access, link: Link, loop: LoopThread, run: Run) -> None:
        self.access = access
        self._link = link
        self._loop = loop
        self._run = run
        self._sudo = access.sudo and access.user != "root"
        self._tunnels: dict[Path, tunnel.Tunnel] = {}

    @property
    def host_key(self) -> str:
        """`type base64` as seen on the wire and verified; at first contact, as seen."""
        assert self._link.host_key is not None
        return self._link.host_key

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | str | None = None,
        timeout: float = 60,
        check: bool = True,
    ) -> Completed:
        """Run a command as root in the C locale, without a shell's expansion.

        :param stdin: given to the command; never shown in an error.
        :param timeout: seconds for everything; the remote process is ended then, and when the run is cancelled.
        :param check: raise when the exit status is not 0.
        :raises HostError: COMMAND (with argv, status and the output's tail), TIMEOUT, UNREACHABLE, HOST_KEY.
        :raises Cancelled: the run was cancelled.
        """
        shown = shlex.join(argv)
        return self._execute(list(argv), shown, stdin=_bytes(stdin), timeout=timeout, check=check)

    def script(
        self,
        text: str,
        *args: str,
        stdin: bytes | str | None = None,
        timeout: float = 60,
        check: bool = True,
    ) -> Completed:
        """Run a POSIX shell script as root with `-eu`; its text is in no argument list and on no disk.

        :param args: its positional parameters; these do show in the host's process list.
        :param stdin: the script's standard input.
        :raises: as :meth:`run`; the error shows the script's first line and its arguments.
        """
        body = text.strip()
        sent = body.encode() + _bytes(stdin)
        argv = ["sh", "-euc", files.LOADER, "sh", str(len(body.encode())), *args]
        first = body.splitlines()[0] if body else ""
        shown = f"script {first[:80]!r} {shlex.join(args)}".rstrip()
        return self._execute(argv, shown, stdin=sent, timeout=timeout, check=check)

    def read(self, path: str) -> bytes | None:
        """The content of a file, or None when there is none."""
        done = self.script(files.READ, path, timeout=_FILE_SECONDS, check=False)
        if done.rc == files.ABSENT:
            return None
        self._checked(done, f"read {path}")
        return done.raw

    def write(self, path: str, content: bytes | str, *, mode: int, owner: str = "root:root") -> bool:
        """Make `path` have that content, mode and owner: at once or not at all. Folders above it are made.

        :param mode: such as 0o600; set, like the owner, before the content is in place.
        :param owner: `user:group`, by name or number.
        :returns: whether anything changed.
        """
        data = _bytes(content)
        done = self.script(
            files.WRITE, path, format(mode, "o"), owner, str(len(data)), stdin=data, timeout=_FILE_SECONDS, check=False
        )
        if done.rc == files.UNCHANGED:
            return False
        self._checked(done, f"write {path}")
        return True

    def remove(self, path: str) -> bool:
        """Remove one file; True when it was there."""
        done = self.script(files.REMOVE, path, timeout=_FILE_SECONDS, check=False)
        if done.rc == files.ABSENT:
            return False
        self._checked(done, f"remove {path}")
        return True

    @contextmanager
    def tunnel_command(self, argv: Sequence[str]) -> Iterator[Path]:
        """A local unix socket; each connection to it is the standard streams of `argv`, run as root on the host."""
        command = command_line(argv, sudo=self._sudo)
        with self._tunnel(lambda path: tunnel.to_command(self._link, path, command)) as path:
            yield path

    @contextmanager
    def tunnel_port(self, port: int, address: str = "127.0.0.1") -> Iterator[Path]:
        """A local unix socket; each connection to it goes on from the host to a TCP port."""
        with self._tunnel(lambda path: tunnel.to_port(self._link, path, address, port)) as path:
            yield path

    def tunnel_failure(self, path: Path) -> str | None:
        """Why the last failed connection of an open tunnel failed; None when none did."""
        return self._tunnels[path].failure

    @contextmanager
    def _tunnel(self, make: Callable[[Path], tunnel.Tunnel]) -> Iterator[Path]:
        folder = _private_folder()
        try:
            opened = make(folder / "s")
            self._call(opened.start())
            self._tunnels[opened.path] = opened
            try:
                yield opened.path
            finally:
                del self._tunnels[opened.path]
                # Cleaning up must work in a cancelled run too.
                self._loop.finish(opened.stop(), seconds=_TUNNEL_SECONDS)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _execute(self, argv: list[str], shown: str, *, stdin: bytes, timeout: float, check: bool) -> Completed:
        host = self.access.host
        try:
            done = self._call(execute(self._link, argv, sudo=self._sudo, stdin=stdin, seconds=timeout))
        except TimeoutError:
            raise HostError(
                "a command did not end in time and was stopped",
                fault=HostFault.TIMEOUT,
                host=host,
                tried=[shown],
                seen=f"still running after {timeout:.0f} s",
                next_step="look at the host's load and at what the command waits for, then run again",
            ) from None
        except Attempt as failed:
            raise HostError(
                "the host cannot be reached over SSH",
                fault=HostFault.UNREACHABLE,
                host=host,
                tried=[shown],
                seen=failed.seen,
                next_step="check the host's power and network, then run again",
            ) from None
        except Vanished as gone:
            raise HostError(
                "the connection was lost while a command ran; whether it finished is not known",
                fault=HostFault.UNREACHABLE,
                host=host,
                tried=[shown],
                seen=str(gone) or "connection lost",
                next_step="run again; every step looks before it acts",
            ) from None
        except Overflow:
            raise HostError(
                f"a command printed more than {OUTPUT_LIMIT // 2**20} MiB and was stopped",
                fault=HostFault.COMMAND,
                host=host,
                tried=[shown],
            ) from None
        return self._checked(done, shown) if check else done

    def _checked(self, done: Completed, shown: str) -> Completed:
        if done.rc == 0:
            return done
        said = "; ".join(
            f"{name}: {_tail(text)}"
            for name, text in (("stderr", done.stderr), ("stdout", done.stdout))
            if text.strip()
        )
        if _READ_ONLY in said:
            raise HostError(
                "nothing can be written on it: its file system is read-only",
                fault=HostFault.NOT_READY,
                host=self.access.host,
                tried=[shown],
                seen=said,
                next_step=READ_ONLY_CURE,
            )
        raise HostError(
            f"a command ended with status {done.rc}",
            fault=HostFault.COMMAND,
            host=self.access.host,
            tried=[shown],
            seen=said or "no output",
        )

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.call(work, cancel=self._run.cancel, host=self.access.host)


def _bytes(content: bytes | str | None) -> bytes:
    return content.encode() if isinstance(content, str) else content or b""


def _tail(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _TAIL_CHARACTERS else "..." + text[-_TAIL_CHARACTERS:]


def _private_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ms-"))
    if len(str(folder)) > _SOCKET_FOLDER_LIMIT:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="ms-", dir="/tmp"))
    return folder
