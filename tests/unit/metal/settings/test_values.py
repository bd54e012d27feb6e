import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from metal.settings.values import (
    Address,
    Duration,
    Endpoint,
    Fingerprint,
    LabelKey,
    LabelValue,
    Mac,
    Name,
    Natural,
    Profile,
    Size,
    is_private,
)

DURATION, SIZE, NAME = TypeAdapter(Duration), TypeAdapter(Size), TypeAdapter(Name)


@pytest.mark.parametrize(
    ("written", "seconds"), [(15, 15), (0.5, 0.5), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("1h1m1.5s", 3661.5)]
)
def test_durations(written: object, seconds: float) -> None:
    assert DURATION.validate_python(written) == seconds


@pytest.mark.parametrize(
    "written", [0, -1, "", "5", "5 m", "m", "1m1h", "5M", True, None, float("nan"), float("inf"), "0s"]
)
def test_what_is_no_duration(written: object) -> None:
    with pytest.raises(ValidationError, match="is not a duration"):
        DURATION.validate_python(written)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(1, 59))
def test_durations_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert DURATION.validate_python(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize(
    ("written", "size"),
    [(0, 0), (17, 17), ("512MiB", 2**29), ("1.5GiB", 3 * 2**29), ("2TB", 2 * 10**12), ("4 kB", 4000)],
)
def test_sizes(written: object, size: int) -> None:
    assert SIZE.validate_python(written) == size


@pytest.mark.parametrize("written", [-1, 1.5, "512", "MiB", "512mib", True, "-1MiB"])
def test_what_is_no_size(written: object) -> None:
    with pytest.raises(ValidationError, match="is not a size"):
        SIZE.validate_python(written)


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True))
def test_names_are_rfc_1123_labels(name: str) -> None:
    assert NAME.validate_python(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a_b", "a" * 64, "ä", "a\n"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValidationError, match="is not a name"):
        NAME.validate_python(name)


def test_a_profile_cannot_shadow_anothers_file() -> None:
    """`x-file` would be read from the variable that names the file of `x`."""
    with pytest.raises(ValidationError, match="is not a profile name"):
        TypeAdapter(Profile).validate_python("x-file")


@given(st.lists(st.integers(0, 255), min_size=6, max_size=6), st.sampled_from([":", "-", ""]), st.booleans())
def test_macs_have_one_form(octets: list[int], between: str, upper: bool) -> None:
    written = between.join(f"{octet:02x}" for octet in octets)
    normal = TypeAdapter(Mac).validate_python(written.upper() if upper else written)
    assert normal == ":".join(f"{octet:02x}" for octet in octets)


@pytest.mark.parametrize(
    ("written", "normal"),
    [("10.9.0.1", "10.9.0.1"), ("FD00::0:1", "fd00::1"), ("BMC-1.Example.net.", "bmc-1.example.net")],
)
def test_endpoints(written: str, normal: str) -> None:
    assert TypeAdapter(Endpoint).validate_python(written) == normal


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("10.77.0.1", True),
        ("127.0.0.1", True),
        ("fd00::1", True),
        ("8.8.8.8", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_only_addresses_are_private(host: str, private: bool) -> None:
    """A name proves nothing: it resolves elsewhere tomorrow."""
    assert is_private(host) is private


@pytest.mark.parametrize("written", [1e300, 10**400, "721h"])
def test_no_wait_is_longer_than_a_month(written: object) -> None:
    """The clock of a wait overflows on what is written by mistake."""
    with pytest.raises(ValidationError, match=r"is too long|is not a duration"):
        DURATION.validate_python(written)


@pytest.mark.parametrize("written", [2**63, "9" * 400 + "TB", "99999999TiB"])
def test_sizes_end_somewhere(written: object) -> None:
    with pytest.raises(ValidationError, match="is too large"):
        SIZE.validate_python(written)


def test_numbers_survive_the_engines_floating_point() -> None:
    with pytest.raises(ValidationError, match="less than or equal"):
        TypeAdapter(Natural).validate_python(2**53 + 1)


@pytest.mark.parametrize("address", ["0.0.0.0", "224.0.0.1", "::", "ff02::1"])
def test_a_hosts_address_is_its_own(address: str) -> None:
    with pytest.raises(ValidationError, match="is no single host's address"):
        TypeAdapter(Address).validate_python(address)


@pytest.mark.parametrize("key", ["", "a,b", "a b", "a=b", "a\n", "metalswarm.host", "metalswarm.labels"])
def test_what_is_no_label(key: str) -> None:
    """A comma would part the list of our keys; the list itself is a label of ours."""
    with pytest.raises(ValidationError):
        TypeAdapter(LabelKey).validate_python(key)


@pytest.mark.parametrize("key", ["tier", "com.example.zone", "node.example.net/ssd", "größe"])
def test_labels(key: str) -> None:
    assert TypeAdapter(LabelKey).validate_python(key) == key


def test_a_labels_value_is_one_line() -> None:
    assert TypeAdapter(LabelValue).validate_python(5) == "5"
    assert TypeAdapter(LabelValue).validate_python("") == ""
    with pytest.raises(ValidationError, match="is not one line of text"):
        TypeAdapter(LabelValue).validate_python("a\nb")


_DIGITS = "FE:DC:BA:98:76:54:32:10:" * 4
_PLAIN = "sha256:" + "fedcba9876543210" * 4


@pytest.mark.parametrize(
    "written",
    [
        _PLAIN,
        _PLAIN.upper(),
        f"sha256:{_DIGITS[:-1]}",
        f"SHA256:{_DIGITS[:-1].lower()}",
        f"sha256 Fingerprint={_DIGITS[:-1]}",
        f"SHA256 Fingerprint={_DIGITS[:-1]}\n",
    ],
)
def test_fingerprints_as_they_are_written_and_as_openssl_prints_them(written: str) -> None:
    assert TypeAdapter(Fingerprint).validate_python(written) == _PLAIN


@pytest.mark.parametrize("written", [_PLAIN[:-1], _PLAIN[7:], f"sha1 Fingerprint={_DIGITS[:-1]}", f"{_PLAIN}:00", "x"])
def test_what_is_no_fingerprint_is_refused_with_how_one_looks(written: str) -> None:
    with pytest.raises(ValidationError, match=r"is not a certificate's fingerprint.*openssl x509 -noout -fingerprint"):
        TypeAdapter(Fingerprint).validate_python(written)
