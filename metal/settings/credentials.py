"""Secrets by profile: from the stack's secret configuration, else from the environment, read when asked for."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from metal.errors import SettingsError
from metal.settings.consul_secret import CONSUL_SECRET_FORM, ConsulSecret, read_consul_secret

__all__ = ["SEED_BYTES", "BmcLogin", "Credentials"]

SEED_BYTES = 32

_PROJECT = "metalswarm"

# What a person types to provide one: by standard input or prompt, so that no secret lands in a shell's history.
_COMMANDS = {
    "consul": "pulumi config set --secret metalswarm:consul-{profile}   (asks for it; form: the token, or JSON)",
    "bmc": "pulumi config set --secret metalswarm:bmc-{profile}   (asks for it; form: user:password)",
    "ssh": "pulumi config set --secret metalswarm:ssh-{profile} < path/to/private/key",
    "manager": "pulumi config set --secret metalswarm:manager-{profile}   (asks for it)",
    "seed": "openssl rand -base64 32 | pulumi config set --secret metalswarm:seed",
}


@dataclass(frozen=True)
class BmcLogin:
    user: str
    password: str = field(repr=False)


class Credentials:
    """The secrets a stack names by profile. Shows, prints and pickles none of them."""

    __slots__ = ("_config", "_env")

    def __init__(self, config: Mapping[str, str], env: Mapping[str, str]) -> None:
        self._config = config
        self._env = env

    @classmethod
    def from_config(cls, config: Mapping[str, str], env: Mapping[str, str] = os.environ) -> Credentials:
        """Take the project's keys out of a stack's configuration and an environment.

        :param config: what a dynamic provider's `configure` sees: `metalswarm:bmc-default` -> value.
        :param env: variables `METALSWARM_BMC_<PROFILE>`, `_SSH_<PROFILE>`, `_MANAGER_<PROFILE>`, `_SEED`, each also
            with `_FILE` appended for the path of a file that holds the value.
        """
        return cls(
            {key: value for key, value in config.items() if key.startswith(f"{_PROJECT}:")},
            {key: value for key, value in env.items() if key.startswith(f"{_PROJECT.upper()}_")},
        )

    def bmc(self, profile: str) -> BmcLogin:
        """User and password of a BMC profile.

        :raises SettingsError: missing, or neither `user:password` nor `{"user": ..., "password": ...}`.
        """
        text, source = self._find("bmc", profile)
        user, password = _login(text.strip("\r\n"))
        if not user or not password:
            _refuse(source, 'is not a BMC login; allowed: user:password, or {"user": ..., "password": ...}')
        return BmcLogin(user, password)

    def ssh_key(self, profile: str) -> str:
        """Private key of an SSH profile, as OpenSSH PEM with a final newline.

        :raises SettingsError: missing, or not a private key.
        """
        text, source = self._find("ssh", profile)
        text = text.strip()
        if not (text.startswith("-----BEGIN ") and "PRIVATE KEY-----" in text.splitlines()[0]):
            _refuse(source, "is not a private key; allowed: the content of an OpenSSH private key file")
        return text + "\n"

    def manager_key(self, profile: str) -> str:
        """Customer key of the container manager.

        :raises SettingsError: missing or empty.
        """
        text, source = self._find("manager", profile)
        if not text.strip():
            _refuse(source, "is empty; allowed: the key as the vendor gave it")
        return text.strip()

    def consul(self, profile: str) -> ConsulSecret:
        """What an existing Consul asks of those who use it.

        :raises SettingsError: missing, or neither a token nor a map of token, gossip, ca, certificate and key.
        """
        text, source = self._find("consul", profile)
        secret = read_consul_secret(text)
        if secret is None:
            _refuse(source, f"is not a Consul secret; allowed: {CONSUL_SECRET_FORM}")
        return secret

    def seed(self) -> bytes:
        """The stack's root secret.

        :raises SettingsError: missing, or not 32 bytes in base64.
        """
        text, source = self._find("seed", None)
        try:
            seed = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            seed = b""
        if len(seed) != SEED_BYTES:
            _refuse(source, f"is not a seed; allowed: {SEED_BYTES} bytes in base64 (openssl rand -base64 {SEED_BYTES})")
        return seed

    def _find(self, kind: str, profile: str | None) -> tuple[str, str]:
        """The raw value and the name of its source."""
        key = f"{_PROJECT}:{kind}" + (f"-{profile}" if profile else "")
        variable = "_".join([_PROJECT, kind, *([profile] if profile else [])]).upper().replace("-", "_")
        if key in self._config:
            return self._config[key], key
        if variable in self._env and f"{variable}_FILE" in self._env:
            _refuse(variable, f"is set together with {variable}_FILE; allowed: one of the two")
        if variable in self._env:
            return self._env[variable], variable
        if f"{variable}_FILE" in self._env:
            path = Path(self._env[f"{variable}_FILE"])
            try:
                return path.read_text(encoding="utf-8"), f"{variable}_FILE"
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "is not text"
                _refuse(f"{variable}_FILE", f"names {path}: {reason}; allowed: a readable text file")
        raise SettingsError(
            [f"{key}: is missing; allowed: a stack secret, or the environment's {variable} or {variable}_FILE"],
            next_step=_COMMANDS[kind].format(profile=profile),
        )

    def __repr__(self) -> str:
        return f"Credentials({len(self._config)} configuration keys, {len(self._env)} variables)"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        # A pickled provider ends up in the stack's state; a secret must never travel along.
        raise TypeError("Credentials are never pickled or copied; read them where they are used")


def _login(text: str) -> tuple[str, str]:
    if text.lstrip().startswith("{"):
        try:
            data = json.loads(text)
        except ValueError:
            return "", ""
        if set(data) == {"user", "password"} and all(isinstance(value, str) for value in data.values()):
            return data["user"], data["password"]
        return "", ""
    user, _, password = text.partition(":")
    return user, password


def _refuse(source: str, what: str) -> NoReturn:
    # `from None`: the cause may quote the secret.
    raise SettingsError([f"{source}: {what}"]) from None
