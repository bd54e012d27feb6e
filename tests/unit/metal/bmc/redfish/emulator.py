"""sushy-tools' emulator as a real process: TLS, a login, and systems that apply what they are told with a delay."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from lab.redfish.certificate import Certificate, make_certificate

__all__ = ["MACS", "SYSTEMS", "Emulator"]

SYSTEMS = {"blade1": "11111111-2222-3333-4455-66778899aab1", "blade2": "11111111-2222-3333-4455-66778899aab2"}
MACS = {"blade1": "00:5c:52:31:3a:9c", "blade2": "00:5c:52:31:3a:9d"}


@dataclass
class Emulator:
    """Its fake driver needs no hypervisor; two systems, both off."""

    folder: Path
    user: str
    password: str
    port: int = 0

    def start(self) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.certificate: Certificate = make_certificate(self.folder / "emulator.pem", "127.0.0.1")
        digest = bcrypt.hashpw(self.password.encode(), bcrypt.gensalt(4, prefix=b"2b")).decode().replace("$2b$", "$2y$")
        (self.folder / "users").write_text(f"{self.user}:{digest}\n")
        systems = [
            {
                "uuid": uuid,
                "name": name,
                "power_state": "Off",
                "external_notifier": False,
                "nics": [{"mac": MACS[name]}],
            }
            for name, uuid in SYSTEMS.items()
        ]
        said = {
            "FAKE_DRIVER": True,
            "FAKE_SYSTEMS": systems,
            "LISTEN_IP": "127.0.0.1",
            "LISTEN_PORT": self.port,
            "SSL_CERT": str(self.certificate.pem),
            "SSL_KEY": str(self.certificate.pem),
            "AUTH_FILE": str(self.folder / "users"),
            "STATE_DIR": str(self.folder),
        }
        text = "".join(f"SUSHY_EMULATOR_{key} = {value!r}\n" for key, value in said.items())
        (self.folder / "emulator.conf").write_text(text)
        with (self.folder / "emulator.log").open("ab") as log:
            self._process = subprocess.Popen(
                [Path(sys.executable).with_name("sushy-emulator"), "--config", self.folder / "emulator.conf"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._await()

    def _await(self) -> None:
        end = time.monotonic() + 300
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError((self.folder / "emulator.log").read_text())

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
