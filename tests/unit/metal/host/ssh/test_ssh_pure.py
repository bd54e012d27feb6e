from __future__ import annotations

import asyncssh
import pytest

from metal.host.ssh.failure import Verdict, describe, judge
from metal.host.ssh.keys import algorithms_for, fingerprint, mismatch, same_key
from metal.host.ssh.process import command_line

# The fingerprint is the one that ssh-keygen -lf prints for this key.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
PRINT = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"


def test_a_fingerprint_is_shown_as_openssh_does() -> None:
    assert fingerprint(f"{KEY} github.com") == f"ssh-ed25519 {PRINT}"


def test_a_comment_makes_no_other_key() -> None:
    assert same_key(f"{KEY} root@n1", KEY)
    assert not same_key(KEY, KEY.replace("GKJl", "GKJm"))
    assert not same_key(KEY, KEY.replace("ssh-ed25519", "ssh-rsa", 1))


def test_the_pinned_kind_is_asked_for_first_and_every_other_still_gets_an_answer() -> None:
    everything = algorithms_for(None)
    assert everything[0] == "ssh-ed25519"
    assert algorithms_for("ssh-rsa AAAA")[:2] == ["rsa-sha2-512", "rsa-sha2-256"]
    assert algorithms_for("ecdsa-sha2-nistp384 AAAA")[0] == "ecdsa-sha2-nistp384"
    assert sorted(algorithms_for("ssh-rsa AAAA")) == sorted(everything)


def test_a_mismatch_names_both_fingerprints_and_the_cure() -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    text = str(mismatch("n1", expected=KEY, seen=other))
    assert PRINT in text
    assert fingerprint(other) in text
    assert "inventory" in text


@pytest.mark.parametrize(
    ("error", "banner", "verdict"),
    [
        (ConnectionRefusedError(), "", Verdict.NOT_YET),
        (TimeoutError(), "", Verdict.NOT_YET),
        (asyncssh.ConnectionLost("closed"), "", Verdict.NOT_YET),
        (asyncssh.PermissionDenied("Permission denied"), "", Verdict.REFUSED),
        (
            asyncssh.PermissionDenied("Permission denied"),
            "System is booting up. Unprivileged users ...",
            Verdict.NOT_YET,
        ),
        (asyncssh.PermissionDenied("x"), "This account is currently not permitted to log in", Verdict.NOT_YET),
        (asyncssh.HostKeyNotVerifiable("x"), "System is booting up", Verdict.FATAL),
        (asyncssh.KeyExchangeFailed("x"), "", Verdict.FATAL),
    ],
)
def test_a_failed_attempt_is_judged(error: Exception, banner: str, verdict: Verdict) -> None:
    assert judge(error, banner) is verdict
    assert describe(error)


def test_a_command_is_quoted_and_runs_in_the_c_locale() -> None:
    line = command_line(["echo", "a b", "$(id)"], sudo=False)
    assert line == "exec env LC_ALL=C LANG=C echo 'a b' '$(id)'"


def test_under_sudo_nobody_is_asked_and_the_host_bounds_the_run() -> None:
    line = command_line(["id"], sudo=True, tag="f00", seconds=60)
    assert line == "exec sudo -n -- env LC_ALL=C LANG=C METALSWARM_RUN=f00 timeout -k 5 70 id"
