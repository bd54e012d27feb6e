from __future__ import annotations

import pytest

from metal.host.artifact import parse_digests

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize(
    ("listing", "digest"),
    [(f"{B}  other.zip\n{A}  consul\n", A), (f"{A} *consul\n", A), (f"{A}  ./dist/consul\n", A), (f"{A}\n", A),
     (f"{A.upper()}  consul\n", A), (f"{A}  consul.zip\n", None), (f"{A}\n{B}\n", None), ("", None),
     ("<html>404</html>", None), (f"{A[:-1]}  consul\n", None)],
)  # fmt: skip
def test_the_digest_of_exactly_that_file_is_found(listing: str, digest: str | None) -> None:
    assert parse_digests(listing, "consul") == digest
