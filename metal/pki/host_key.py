"""A host's own key and certificate: the key is made on the host and never leaves it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from metal.errors import HostError, HostFault, PlanRefused
from metal.host.facts import observe_facts
from metal.host.packages import Packages
from metal.host.ssh import Ssh
from metal.pki.authority import Authority, Usage
from metal.pki.plan import CertificateSeen, CertificateWish, foreign_namesake, signing_reason
from metal.waiting import Deadline

__all__ = ["CertificateReport", "end_of_certificate", "ensure_host_certificate", "remove_host_certificate"]

# Prints the public half of the key, if there is a key that can be read.
_OBSERVE = """
[ -e "$1" ] || exit 0
openssl pkey -in "$1" -pubout 2>/dev/null || true
"""

# The key gets its name only when it is complete; a run killed in between leaves a file that the next one overwrites.
_MAKE_KEY = """
umask 077
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.new"
chown "$2" "$1.new"
mv -f "$1.new" "$1"
"""

_REQUEST = """
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
printf '[req]\\nprompt=no\\ndistinguished_name=dn\\n[dn]\\nCN=request\\n' > "$dir/config"
openssl req -new -config "$dir/config" -key "$1"
"""

_OWN = """
[ "$(stat -c '%a %U:%G' "$1")" = "$2 $3" ] || { chown "$3" "$1"; chmod "$2" "$1"; echo changed; }
"""


@dataclass(frozen=True)
class CertificateReport:
    """The certificate that is now on the host.

    :ivar changed: whether key, certificate or authority were written; the service that uses them must then restart.
    :ivar not_after: ISO 8601, UTC.
    :ivar fingerprint: SHA-256 of the certificate, 64 hex digits.
    :ivar reason: why it was signed anew; None when it was not.
    """

    changed: bool
    not_after: str
    fingerprint: str
    reason: str | None = None

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


def ensure_host_certificate(
    ssh: Ssh,
    *,
    authority: Authority,
    name: str,
    names: Sequence[str],
    addresses: Sequence[str],
    usages: Collection[Usage],
    days: int,
    renew_before_days: int,
    directory: str,
    owner: str = "root:root",
    trusted: str | None = None,
    in_service: bool = False,
    deadline: Deadline,
) -> CertificateReport:
    """Have `key.pem`, `cert.pem` and `ca.pem` in a directory of the host, made there and signed here.

    Idempotent. Signs anew when the end is near or authority, names or usages changed; the key stays as long as it can
    be read. The key has mode 0600 and belongs to `owner`, so does the directory (0750).

    :param name: common name, for people; always among the names as well.
    :param names: DNS names.
    :param addresses: IP addresses.
    :param days: validity from now.
    :param renew_before_days: sign anew when fewer days are left.
    :param directory: absolute path; made when missing.
    :param owner: `user:group` of the service that reads the key.
    :param trusted: content of `ca.pem` (PEM), where others than `authority` are trusted as well.
    :param in_service: others rely on the present certificate; an authority of its name with another key is refused.
    :param deadline: covers the installation of openssl on hosts that lack it.
    :raises HostError: when the host cannot make the key.
    :raises PlanRefused: the host's certificates come from another seed.
    """
    key, certificate, ca = (f"{directory}/{file}" for file in ("key.pem", "cert.pem", "ca.pem"))
    if in_service and foreign_namesake(_text(ssh.read(ca)), authority):
        raise PlanRefused(
            f"its certificates were made with another seed: the CA of {authority.cluster} there is not this stack's",
            host=ssh.access.host,
            tried=[f"compared {ca} with the authority that follows from metalswarm:seed"],
            next_step="set the seed that the cluster was made with; if that one is lost for good, destroy the cluster "
            "or raise the host's generation",
        )
    wish = CertificateWish(tuple(dict.fromkeys([name, *names])), tuple(addresses), frozenset(usages), renew_before_days)
    _ensure_openssl(ssh, deadline)
    changed = _ensure_directory(ssh, directory, owner)
    now = datetime.now(UTC)
    seen = CertificateSeen(_public_key(ssh, key), _text(ssh.read(certificate)))
    reason = signing_reason(seen, wish, authority, now)
    if reason is not None:
        if seen.public_key is None:
            ssh.script(_MAKE_KEY, key, owner)
        request = ssh.script(_REQUEST, key).stdout
        pem = authority.sign(
            _str(request), names=wish.names, addresses=wish.addresses, usages=wish.usages, days=days, now=now
        )
        ssh.write(certificate, pem, mode=0o644, owner=owner)
        changed = True
    else:
        pem = seen.certificate or ""
    changed |= _ensure_private(ssh, key, owner)
    changed |= ssh.write(ca, trusted or authority.certificate, mode=0o644, owner=owner)
    made = x509.load_pem_x509_certificate(pem.encode())
    return CertificateReport(
        changed=changed,
        not_after=made.not_valid_after_utc.isoformat(),
        fingerprint=made.fingerprint(hashes.SHA256()).hex(),
        reason=reason,
    )


def end_of_certificate(content: bytes | None) -> str | None:
    """Until when a certificate (PEM) is valid, ISO 8601, UTC; None where there is none that can be read."""
    try:
        return x509.load_pem_x509_certificate(content or b"").not_valid_after_utc.isoformat()
    except ValueError:
        return None


def remove_host_certificate(ssh: Ssh, directory: str) -> bool:
    """Remove key, certificate and authority, and the directory when nothing else is in it; true when one was there."""
    gone = [ssh.remove(f"{directory}/{file}") for file in ("key.pem.new", "key.pem", "cert.pem", "ca.pem")]
    ssh.script('[ ! -d "$1" ] || rmdir --ignore-fail-on-non-empty "$1"', directory)
    return any(gone)


def _ensure_openssl(ssh: Ssh, deadline: Deadline) -> None:
    probe = ["sh", "-c", "command -v openssl"]
    if ssh.run(probe, check=False).rc == 0:
        return
    Packages.for_host(ssh, observe_facts(ssh)).ensure("openssl", "*", deadline, pin=False)
    if ssh.run(probe, check=False).rc != 0:
        raise HostError(
            "openssl is installed and cannot be run",
            fault=HostFault.NOT_READY,
            host=ssh.access.host,
            tried=["install the package openssl", "command -v openssl"],
            next_step="put openssl on the PATH of root's non-interactive shell",
        )


def _ensure_directory(ssh: Ssh, directory: str, owner: str) -> bool:
    return _ensure_owned(ssh, directory, "750", owner, 'mkdir -p -m 0750 "$1"')


def _ensure_private(ssh: Ssh, path: str, owner: str) -> bool:
    return _ensure_owned(ssh, path, "600", owner, ":")


def _ensure_owned(ssh: Ssh, path: str, mode: str, owner: str, make: str) -> bool:
    script = (
        make
        + '\nif [ "$(stat -c "%a %U:%G" "$1")" != "$2 $3" ]; then chown "$3" "$1"; chmod "$2" "$1"; echo changed; fi'
    )
    return bool(ssh.script(script, path, mode, owner).stdout.strip())


def _public_key(ssh: Ssh, key: str) -> str | None:
    return _str(ssh.script(_OBSERVE, key).stdout).strip() or None


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("ascii", "replace")


def _str(output: str | bytes) -> str:
    return output if isinstance(output, str) else output.decode()
