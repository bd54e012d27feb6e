"""The kinds of value that settings hold: how each is written, checked and normalised."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import uuid
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, Strict, WithJsonSchema

from metal.settings.problems import problem

__all__ = [
    "RESERVED_LABELS",
    "Address",
    "Cidr",
    "Duration",
    "Endpoint",
    "Fingerprint",
    "Flag",
    "HostKey",
    "LabelKey",
    "LabelValue",
    "Line",
    "Mac",
    "Name",
    "Natural",
    "Port",
    "Positive",
    "Profile",
    "Reason",
    "Size",
    "Text",
    "Uuid",
    "is_private",
    "size_of",
    "word_of_switch",
]

RESERVED_LABELS = "metalswarm."
"""What the names of labels begin with that this program keeps on a node for itself."""

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DURATION = r"(\d+h)?(\d+m)?(\d+(\.\d+)?s)?"
_FINGERPRINT = r"[Ss][Hh][Aa]256(?:: ?| [Ff]ingerprint=)([0-9A-Fa-f:]{64,95})"
_SIZE = r"(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB|TiB|KB|kB|MB|GB|TB)"
_LONGEST = 30 * 24 * 3600.0
_LARGEST = 2**63 - 1
_MOST = 1_000_000
"""The engine hands numbers on as floating point; beyond this nothing is meant in earnest."""
_UNITS = {
    "B": 1,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
_KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")


def _text(value: Any) -> Any:
    # Serial numbers are often digits only; a float would already have lost some.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def word_of_switch(value: Any) -> Any:
    """`on` and `off` as words: YAML 1.1 readers take an unquoted one for a boolean."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


def _name(value: str) -> str:
    if not re.fullmatch(_LABEL, value):
        raise problem("is not a name", "lower-case letters, digits and inner hyphens, at most 63 (RFC 1123 label)")
    return value


def _profile(value: str) -> str:
    if not re.fullmatch(_LABEL, value) or value.endswith("-file"):
        # `-file` would make its variable the one that names another profile's file.
        raise problem(
            "is not a profile name", "a name like default or dell-r640, not ending in -file; never the secret itself"
        )
    return value


def _reason(value: str) -> str:
    if not value.strip():
        raise problem("is empty", "the reason, in words")
    return value.strip()


def _address(value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise problem("is not an address", "an IPv4 or IPv6 address") from None
    if address.is_unspecified or address.is_multicast:
        raise problem("is no single host's address", "the IPv4 or IPv6 address that the host answers at")
    return str(address)


def _endpoint(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        pass
    labels = value.lower().rstrip(".").split(".")
    if len(value) > 253 or labels[-1].isdigit() or not all(re.fullmatch(_LABEL, label) for label in labels):
        raise problem("is neither an address nor a host name", "an IPv4 or IPv6 address, or a DNS name")
    return ".".join(labels)


def _cidr(value: str) -> str:
    try:
        return str(ipaddress.IPv4Network(value))
    except ValueError:
        raise problem("is not a network", "an IPv4 network like 172.30.0.0/16, without host bits") from None


def _mac(value: str) -> str:
    digits = re.sub(r"[:-]", "", value).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", digits) or not re.fullmatch(r"\w{2}([:-]\w{2}){5}|\w{12}", value):
        raise problem("is not a MAC address", "six hexadecimal pairs like 52:54:00:12:34:56")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def _uuid(value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise problem("is not a UUID", "the system UUID, like 4c4c4544-0042-4b10-8056-b7c04f4a3132") from None


def _host_key(value: str) -> str:
    kind, _, rest = value.strip().partition(" ")
    blob = rest.split(" ")[0]
    try:
        inner = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        inner = b""
    if kind not in _KEY_TYPES or inner[4 : 4 + len(kind)] != kind.encode():
        raise problem(
            "is not an SSH host key", f"type and base64, as ssh-keyscan prints them; types {', '.join(_KEY_TYPES)}"
        )
    return f"{kind} {blob}"


def _fingerprint(value: str) -> str:
    found = re.fullmatch(_FINGERPRINT, value.strip())
    digits = found[1].replace(":", "").lower() if found else ""
    if len(digits) != 64:
        raise problem(
            "is not a certificate's fingerprint",
            "sha256: and 64 hexadecimal digits, with or without colons between; or the line that "
            "`openssl x509 -noout -fingerprint -sha256` prints",
        )
    return f"sha256:{digits}"


def _duration(value: Any) -> Any:
    allowed = "seconds above 0, or text like 90s, 5m, 1h30m"
    if isinstance(value, str) and value and re.fullmatch(_DURATION, value):
        hours, minutes, seconds = (re.search(rf"([\d.]+){unit}", value) for unit in "hms")
        value = sum(float(part[1]) * by for part, by in ((hours, 3600), (minutes, 60), (seconds, 1)) if part)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise problem("is not a duration", allowed)
    if value > _LONGEST:
        raise problem("is too long", "at most 30 days (720h)")
    return float(value)


def size_of(value: Any) -> int:
    """Bytes of a size as a user writes it.

    :raises PydanticCustomError: it is none.
    """
    if isinstance(value, str) and (match := re.fullmatch(_SIZE, value)):
        size = float(match[1]) * _UNITS[match[2].upper()]
        value = int(size) if size <= _LARGEST else _LARGEST + 1
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise problem("is not a size", "bytes, or text like 512MiB, 16GiB, 2TB")
    if value > _LARGEST:
        raise problem("is too large", "bytes, or text like 512MiB, 16GiB, 2TB")
    return value


def _label(value: str) -> str:
    # The node keeps the list of our keys in a label of its own, parted by commas.
    if not value.isprintable() or any(mark in value for mark in " ,="):
        raise problem("is not a label", "a key without spaces, commas, equals signs and control characters")
    if value.startswith(RESERVED_LABELS):
        raise problem("is a label of this program's own", f"a key that does not start with {RESERVED_LABELS}")
    return value


def _line(value: str) -> str:
    if not value.isprintable():
        raise problem("is not one line of text", "text without line breaks and control characters")
    return value


def is_private(host: str) -> bool:
    """Whether a URL's host is an address of a private, link-local or loopback network; never so for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_private or address.is_loopback


Text = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": ["string", "integer"]})]
LabelKey = Annotated[str, Field(min_length=1), AfterValidator(_label)]
Line = Annotated[str, BeforeValidator(_text), AfterValidator(_line), WithJsonSchema({"type": ["string", "integer"]})]
LabelValue = Line
Name = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": f"^{_LABEL}$"})]
Profile = Annotated[
    str,
    AfterValidator(_profile),
    WithJsonSchema({"type": "string", "pattern": f"^{_LABEL}$", "description": "name of a secret's profile"}),
]
Reason = Annotated[str, AfterValidator(_reason), WithJsonSchema({"type": "string", "minLength": 1})]
Address = Annotated[
    str, AfterValidator(_address), WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]})
]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Cidr = Annotated[str, AfterValidator(_cidr), WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+){3}/\d+$"})]
Mac = Annotated[str, AfterValidator(_mac)]
Uuid = Annotated[str, AfterValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
HostKey = Annotated[str, AfterValidator(_host_key)]
Fingerprint = Annotated[
    str, AfterValidator(_fingerprint), WithJsonSchema({"type": "string", "pattern": f"^{_FINGERPRINT}$"})
]
Flag = Annotated[bool, Strict()]
Natural = Annotated[int, Strict(), Field(ge=0, le=_MOST)]
Positive = Annotated[int, Strict(), Field(ge=1, le=_MOST)]
Port = Annotated[int, Strict(), Field(ge=1, le=65535)]
Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": f"^{_DURATION}$"}]}
    ),
]
Size = Annotated[
    int,
    BeforeValidator(size_of),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{_SIZE}$"}]}),
]
