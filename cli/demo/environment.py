"""The demo's own Pulumi: home, state, passphrase and secrets in one private folder."""

from __future__ import annotations

import base64
import os
import secrets
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from metal.settings.credentials import SEED_BYTES

__all__ = ["Demo"]

CHECKOUT = Path(__file__).resolve().parents[2]

# Pulumi writes a salt that belongs to the passphrase into Pulumi.dev.yaml. A passphrase of each demo's own would
# change that file in every checkout; it guards only the lab, and the demo's folder is private anyway.
_PASSPHRASE = "for the lab only"  # noqa: S105 - no secret


@dataclass(frozen=True)
class Demo:
    """Where everything of the demo lives.

    :ivar folder: private (mode 0700); secrets, state, and Pulumi's own home.
    """

    folder: Path = CHECKOUT / ".metalswarm" / "demo"
    stack: str = "dev"

    @property
    def env_file(self) -> Path:
        return self.folder / "env"

    @property
    def traces(self) -> tuple[Path, ...]:
        """What runs of the demo's stack write beside its own folder: memories of its hosts, backups, notes of a run."""
        beside, owner = self.folder.parent, f"metalswarm.{self.stack}"
        return (
            beside / "ledger" / owner,
            beside / "backups" / owner,
            beside / "run" / f"server-{owner}.lock",
            beside / "run" / f"stalled-{owner}.json",
        )

    @property
    def tls(self) -> Path:
        return self.folder / "tls"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def seed_file(self) -> Path:
        return self.folder / "seed"

    @property
    def exists(self) -> bool:
        return self.env_file.exists()

    def prepare(self, *, pulumi: Path, ssh_key: Path, bmc_login: Path) -> None:
        """Make what is missing. Secrets are made once and stay; the rest is written anew.

        :param pulumi: the CLI; its folder goes on PATH.
        :param ssh_key: file with the private key of root on the hosts.
        :param bmc_login: file with `user:password`.
        """
        for folder in (self.folder, self.state, self.folder / "home"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        _write(self.folder / "passphrase", _PASSPHRASE + "\n")
        _write_once(self.seed_file, base64.b64encode(secrets.token_bytes(SEED_BYTES)).decode())
        # The vendor would give one; the simulated controller takes any, as long as all nodes have the same.
        _write_once(self.folder / "manager-key", f"demo-{secrets.token_hex(12)}")
        variables = {
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.state}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.folder / "passphrase"),
            "PULUMI_STACK": self.stack,
            "PULUMI_CONTINUE_ON_ERROR": "true",
            "PULUMI_PARALLEL": "128",
            "PULUMI_RUN_PROGRAM": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "METALSWARM_SEED_FILE": str(self.seed_file),
            "METALSWARM_BMC_DEFAULT_FILE": str(bmc_login),
            "METALSWARM_SSH_DEFAULT_FILE": str(ssh_key),
            "METALSWARM_MANAGER_DEFAULT_FILE": str(self.folder / "manager-key"),
        }
        folders = [pulumi.parent, CHECKOUT / ".venv" / "bin"]
        _write(self.env_file, _shell(variables, folders))

    def remove(self) -> None:
        """Take away everything of the demo; another stack's backups and ledger stay. A removal cut short is resumed.

        A backup cannot be opened without the demo's seed, and a next demo begins with blank disks.
        """
        for trace in self.traces if self.exists else ():
            if trace.is_dir():
                shutil.rmtree(trace)
            else:
                trace.unlink(missing_ok=True)
        for folder in {trace.parent for trace in self.traces}:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def variables(self) -> dict[str, str]:
        """The environment of the demo's commands: this process's own without its Pulumi, and the env file's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "METALSWARM_"))}
        for line in self.env_file.read_text().splitlines():
            if not line.startswith("export "):
                continue
            name, _, value = line.removeprefix("export ").partition("=")
            text = "".join(shlex.split(value))
            kept[name] = text.replace("$PATH", kept.get("PATH", "")) if name == "PATH" else text
        return kept


def _shell(variables: dict[str, str], folders: list[Path]) -> str:
    lines = ["# The demo's Pulumi, for `.` in a shell: pulumi preview, up, refresh, stack ..."]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines.append('export PATH="' + ":".join([*map(str, folders), "$PATH"]) + '"')
    return "\n".join(lines) + "\n"


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        _write(path, text + "\n")


def _write(path: Path, text: str) -> None:
    """Put a private file in place, whole or not at all."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.rename(path)
