"""Gives a running system another host name."""

from __future__ import annotations

from metal.host.ssh import Ssh

__all__ = ["rename_system"]

# The name itself, its domain kept, and the line by which the system finds itself without a name server.
_RENAME = r"""
was=$1 name=$2
now=$(hostname)
case $now in
"$was") new=$name ;;
"$was".*) new=$name.${now#*.} ;;
*) exit 0 ;;
esac
hostnamectl set-hostname "$new"
pattern=$(printf %s "$was" | sed 's/[.]/\\./g')
sed -i -E "/^127\.0\.[01]\.1[[:space:]]/s/(^|[[:space:]])$pattern([.[:space:]]|\$)/\1$name\2/g" /etc/hosts
"""


def rename_system(ssh: Ssh, was: str, name: str) -> None:
    """Have the host call itself `name` where it calls itself `was`, its domain kept; programs that run keep theirs."""
    ssh.script(_RENAME, was, name)
