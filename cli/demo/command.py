"""`metalswarm demo up` and `down`."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer
import yaml

from cli.demo.engine import Engine
from cli.demo.environment import CHECKOUT, Demo
from cli.demo.process import run
from lab.api import Lab

__all__ = ["app"]

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="Six virtual servers, from powered off to a running swarm.")


@app.command()
def up() -> None:
    """Set the demo up and run `pulumi up` on it. Run again, it changes nothing and says so."""
    _root_only()
    demo = Demo()
    _step(1, "Debian packages", lambda: _ours("lab", "install"))
    pulumi = _step(2, "Pulumi engine", lambda: _tool("pulumi"))
    docker = _step(3, "docker command", lambda: _tool("docker-cli"))
    _step(4, "virtual metal, all powered off at first", lambda: _ours("lab", "up"))
    lab = Lab.from_spec()
    demo.prepare(pulumi=pulumi, ssh_key=lab.ssh_key, bmc_login=lab.spec.directory / "keys" / "bmc-login")
    engine = Engine(demo, pulumi)
    _step(5, f"stack {demo.stack}", lambda: _must(engine.select_stack(), "pulumi stack select"))
    _step(6, "pulumi up", lambda: _must(engine.up(), "pulumi up"))
    changes = engine.changes()
    print()
    _ours("status", environment=demo.variables())
    print()
    if set(changes) == {"same"}:
        print(f"Nothing changed: {changes['same']} resources are as the stack wants them.")
    else:
        print("Changed: " + ", ".join(f"{count} {operation}" for operation, count in sorted(changes.items())))
    print("\nLook at the swarm:")
    for cluster in _clusters(demo.stack):
        print(f"  {_docker_line(demo, cluster, docker)}")
    print("\nRun pulumi by hand on it:")
    print(f"  . {demo.env_file.relative_to(CHECKOUT)}; pulumi preview")
    print("\nRemove it all: make demo-down")


@app.command()
def down(
    force: bool = typer.Option(False, help="Take the lab down even where `pulumi destroy` fails."),
) -> None:
    """Run `pulumi destroy`, take the lab down, and remove what the demo has written; downloads and builds stay."""
    _root_only()
    demo = Demo()
    if demo.exists:
        pulumi = _step(1, "Pulumi engine", lambda: _tool("pulumi"))
        code = _destroy(Engine(demo, pulumi))
        if code and not force:
            _fail(
                "pulumi destroy",
                f"exit code {code}, see above",
                "mend it and run it again, or `metalswarm demo down --force`",
            )
    else:
        print("No demo state here; nothing to destroy.")
    _step(3, "lab down", lambda: _ours("lab", "down"))
    demo.remove()
    print("The demo is gone. What stays: .metalswarm/cache (downloads and builds), .venv, and Debian packages.")


def _destroy(engine: Engine) -> int:
    print("\n[2] pulumi destroy", flush=True)
    return engine.select_stack() or engine.destroy()


def _step(number: int, what: str, act: Callable[[], T]) -> T:
    print(f"\n[{number}] {what}", flush=True)
    started = time.monotonic()
    done = act()
    print(f"[{number}] {what}: done, {time.monotonic() - started:.0f} s", flush=True)
    return done


def _ours(*arguments: str, environment: dict[str, str] | None = None) -> None:
    """Run one of our own commands as its user would."""
    _must(
        run([sys.executable, "-m", "cli.main", *arguments], environment=environment)[0],
        f"metalswarm {' '.join(arguments)}",
    )


def _clusters(stack: str) -> list[str]:
    document = yaml.safe_load((CHECKOUT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    return list(document["config"]["metalswarm:fleet"].get("clusters") or {})


def _docker_line(demo: Demo, cluster: str, docker: Path) -> str:
    """The line to type: certificate files are written, and the docker command is named where PATH does not have it."""
    argv = [sys.executable, "-m", "cli.main", "context", cluster, "--certs", str(demo.tls / cluster)]
    code, output = run(argv, environment=demo.variables(), capture=True)
    _must(code, f"metalswarm context {cluster}")
    line = output.strip()
    return line if shutil.which("docker") else line.replace("docker ", f"{docker} ", 1)


def _tool(name: str) -> Path:
    argv = [sys.executable, "-m", "toolchain", name]
    code, output = run(argv, capture=True)
    _must(code, f"python -m toolchain {name}")
    return Path(output.strip())


def _must(code: int, step: str) -> None:
    if code:
        _fail(step, f"exit code {code}, see above", "mend what it names and run `make demo` again; it resumes")


def _fail(step: str, cause: str, cure: str) -> None:
    sys.stderr.write(f"\nfailed: {step}\n  cause: {cause}\n  cure: {cure}\n")
    raise typer.Exit(1)


def _root_only() -> None:
    if os.geteuid() != 0:
        _fail("starting the demo", "virtual servers need network namespaces and mounts", "run it as root")
