from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from cli.context import _refuse_foreign, context_meta, docker_line, store_paths, write_private
from metal.errors import MetalError


def test_files_are_private_from_the_start_and_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    write_private(folder, {"key.pem": "one"})
    write_private(folder, {"key.pem": "two"})
    assert (folder / "key.pem").read_text() == "two"
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["key.pem"]


def test_context_is_where_docker_looks_for_it(tmp_path: Path) -> None:
    # sha256("blue"), as `docker context create blue` names its folders
    digest = "16477688c0e00699c6cfa4497a3612d7e83c532062b64b250fed8908128ed548"
    meta, tls = store_paths(tmp_path, "blue")
    assert meta == tmp_path / "contexts" / "meta" / digest
    assert tls == tmp_path / "contexts" / "tls" / digest / "docker"


def test_description_holds_the_endpoint_and_never_skips_verification() -> None:
    meta = context_meta("blue", "tcp://10.0.0.1:2475", "p/s")
    assert meta["Endpoints"]["docker"] == {"Host": "tcp://10.0.0.1:2475", "SkipTLSVerify": False}


def test_a_context_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    _refuse_foreign(path, "blue", force=False)
    path.write_text(json.dumps({"Name": "blue", "Metadata": {}}))
    with pytest.raises(MetalError, match="did not make"):
        _refuse_foreign(path, "blue", force=False)
    _refuse_foreign(path, "blue", force=True)
    path.write_text(json.dumps(context_meta("blue", "tcp://10.0.0.1:2475", "p/s")))
    _refuse_foreign(path, "blue", force=False)


def test_docker_line_names_every_file() -> None:
    line = docker_line("tcp://10.0.0.1:2475", Path("/c"))
    assert line == (
        "docker -H tcp://10.0.0.1:2475 --tlsverify --tlscacert=/c/ca.pem --tlscert=/c/cert.pem --tlskey=/c/key.pem"
    )
