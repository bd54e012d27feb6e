import base64
import copy
import json
import pickle
from pathlib import Path

import pytest

from metal.errors import SettingsError
from metal.settings.credentials import SEED_BYTES, BmcLogin, Credentials

SECRET = "correct-horse"
PEM = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----"
SEED = bytes(range(SEED_BYTES))


def from_config(**config: str) -> Credentials:
    return Credentials.from_config({f"metalswarm:{key.replace('_', '-')}": text for key, text in config.items()}, {})


def from_env(**env: str) -> Credentials:
    return Credentials.from_config({}, env)


def test_a_bmc_password_may_hold_colons() -> None:
    assert from_config(bmc_default="root:a:b:c").bmc("default") == BmcLogin("root", "a:b:c")


def test_a_bmc_login_may_be_a_map() -> None:
    text = json.dumps({"user": "root", "password": SECRET})
    assert from_config(bmc_default=text).bmc("default") == BmcLogin("root", SECRET)


def test_the_environment_names_profiles_in_capitals() -> None:
    assert from_env(METALSWARM_BMC_DELL_R640=f"root:{SECRET}").bmc("dell-r640").password == SECRET


def test_the_stack_comes_before_the_environment() -> None:
    both = Credentials.from_config({"metalswarm:bmc-default": "a:1"}, {"METALSWARM_BMC_DEFAULT": "b:2"})
    assert both.bmc("default") == BmcLogin("a", "1")


@pytest.mark.parametrize(
    ("variable", "text", "read"),
    [
        ("METALSWARM_BMC_DEFAULT_FILE", f"root:{SECRET}\n", lambda c: c.bmc("default").password == SECRET),
        ("METALSWARM_SSH_DEFAULT_FILE", PEM + "\n\n", lambda c: c.ssh_key("default") == PEM + "\n"),
        ("METALSWARM_MANAGER_DEFAULT_FILE", f" {SECRET}\n", lambda c: c.manager_key("default") == SECRET),
        ("METALSWARM_SEED_FILE", base64.b64encode(SEED).decode() + "\n", lambda c: c.seed() == SEED),
    ],
)
def test_a_variable_may_name_a_file(tmp_path: Path, variable: str, text: str, read) -> None:
    (tmp_path / "secret").write_text(text)
    assert read(from_env(**{variable: str(tmp_path / "secret")}))


def test_a_value_and_a_file_together_are_refused() -> None:
    with pytest.raises(SettingsError, match="one of the two"):
        from_env(METALSWARM_SEED="x", METALSWARM_SEED_FILE="y").seed()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        from_env(METALSWARM_SEED_FILE=str(tmp_path / "none")).seed()


@pytest.mark.parametrize(
    ("read", "command"),
    [
        (lambda c: c.bmc("dell"), "pulumi config set --secret metalswarm:bmc-dell"),
        (lambda c: c.ssh_key("ops"), "pulumi config set --secret metalswarm:ssh-ops <"),
        (lambda c: c.manager_key("se"), "pulumi config set --secret metalswarm:manager-se"),
        (lambda c: c.seed(), "openssl rand -base64 32 | pulumi config set --secret metalswarm:seed"),
    ],
)
def test_a_missing_one_says_how_to_set_it(read, command: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(from_env())
    assert command in str(caught.value)


@pytest.mark.parametrize(
    ("config", "read"),
    [
        ({"bmc_default": SECRET}, lambda c: c.bmc("default")),
        ({"bmc_default": f":{SECRET}"}, lambda c: c.bmc("default")),
        ({"bmc_default": json.dumps({"user": "root", "pass": SECRET})}, lambda c: c.bmc("default")),
        ({"bmc_default": "{" + SECRET}, lambda c: c.bmc("default")),
        ({"ssh_default": SECRET}, lambda c: c.ssh_key("default")),
        ({"ssh_default": f"ssh-ed25519 {SECRET}"}, lambda c: c.ssh_key("default")),
        ({"manager_default": "  "}, lambda c: c.manager_key("default")),
        ({"seed": SECRET}, lambda c: c.seed()),
        ({"seed": base64.b64encode(SECRET.encode()).decode()}, lambda c: c.seed()),
    ],
)
def test_a_wrong_one_is_refused_without_being_shown(config: dict[str, str], read) -> None:
    with pytest.raises(SettingsError) as caught:
        read(from_config(**config))
    shown = f"{caught.value}{caught.value!r}{caught.value.__cause__!r}"
    assert SECRET not in shown
    assert base64.b64encode(SECRET.encode()).decode() not in shown
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_nothing_shows_or_carries_a_secret() -> None:
    credentials = from_config(bmc_default=f"root:{SECRET}")
    assert SECRET not in f"{credentials!r} {credentials} {credentials.bmc('default')!r}"
    for carry in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            carry(credentials)


def test_only_its_own_variables_are_kept() -> None:
    assert repr(Credentials.from_config({"other:key": SECRET}, {"PATH": SECRET})) == (
        "Credentials(0 configuration keys, 0 variables)"
    )


def test_a_consul_secret_is_a_token_or_a_map() -> None:
    assert from_config(consul_hq=f" {SECRET}\n").consul("hq").token == SECRET
    found = from_config(consul_hq=json.dumps({"token": SECRET, "ca": "pem", "certificate": "c", "key": "k"})).consul(
        "hq"
    )
    assert (found.token, found.ca, found.gossip) == (SECRET, "pem", "")
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    "text", ["", f"two {SECRET}", "{", '{"password": "x"}', '{"token": 1}', '{"certificate": "without its key"}']
)
def test_what_is_no_consul_secret_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(SettingsError, match="not a Consul secret") as refused:
        from_config(consul_hq=text).consul("hq")
    assert SECRET not in str(refused.value)
