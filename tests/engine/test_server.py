"""The provider server under the real engine: width, cancel, ending, errors, progress."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.engine.project import Project
from tests.waiting import gone, wait_for

pytestmark = pytest.mark.engine

PROVIDERS = '''
import os, threading
from pathlib import Path
from pulumi import dynamic
from metal.errors import MetalError
from metal.waiting import Run
from providers.server import runtime

HERE = Path(os.environ["PROBE_FOLDER"])
TOGETHER = threading.Barrier(int(os.environ.get("PROBE_TOGETHER", "1")), timeout=60)
NEVER = threading.Event()

(HERE / "pid").write_text(str(os.getpid()))
runtime.at_exit(lambda: (HERE / "cleaned").write_text("yes"))


class Base(dynamic.ResourceProvider):
    serialize_as_secret_always = False

    def diff(self, id_, olds, news):
        return dynamic.DiffResult(changes=False)


class Plain(Base):
    def create(self, props):
        return dynamic.CreateResult(
            "id", {"ours": runtime.is_ours(), "urn": runtime.current_urn(), "debug": runtime.cancel_event().is_set()}
        )


class Meeting(Base):
    """Succeeds only when all creates are inside at the same time."""

    def create(self, props):
        TOGETHER.wait()
        return dynamic.CreateResult("id", {})


class Waiting(Base):
    def create(self, props):
        (HERE / "waiting").write_text("yes")
        Run(cancel=runtime.cancel_event()).pause(600, host="n1")
        return dynamic.CreateResult("id", {})


class Deaf(Base):
    def create(self, props):
        (HERE / "waiting").write_text("yes")
        runtime.cancel_event().wait()
        (HERE / "cancelled").write_text("yes")
        NEVER.wait()


class Failing(Base):
    def create(self, props):
        raise MetalError("power stays off", host="n1", tried=["power on"], seen="off", next_step="look at it")


class Broken(Base):
    def create(self, props):
        return {}["no such key"]


class Telling(Base):
    def create(self, props):
        TOGETHER.wait()
        runtime.progress(f"about {runtime.current_urn().split('::')[-1]}")
        TOGETHER.wait()
        return dynamic.CreateResult("id", {})


class Thing(dynamic.Resource, module="probe", name="Thing"):
    def __init__(self, name, provider, opts=None):
        super().__init__(provider, name, {"ours": None, "urn": None}, opts)
'''


def program(kind: str, count: int = 1) -> str:
    return f"import parts\nfor i in range({count}):\n    parts.Thing(f'thing{{i}}', parts.{kind}())\n"


@pytest.fixture
def probe(project: Project) -> Project:
    project.environment["PROBE_FOLDER"] = str(project.folder)
    return project


@pytest.fixture
def running(probe: Project) -> Iterator[list[subprocess.Popen[str]]]:
    """Engines that the test starts; none outlives it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for engine in started:
        engine.kill()
        engine.communicate()


def start(probe: Project, running: list[subprocess.Popen[str]], kind: str) -> subprocess.Popen[str]:
    """Start an update and return once its create is inside the provider."""
    probe.create(program(kind), modules={"parts.py": PROVIDERS})
    engine = probe.start("up", "--yes", "--skip-preview", "--stack", "dev")
    running.append(engine)
    wait_for("the create is running", (probe.folder / "waiting").exists)
    return engine


def test_forty_creates_run_at_once(probe: Project) -> None:
    probe.environment["PROBE_TOGETHER"] = "40"
    probe.create(program("Meeting", 40), modules={"parts.py": PROVIDERS})
    assert probe.up().expect().changes == {"create": 41}


def test_the_number_of_workers_is_a_setting(probe: Project) -> None:
    probe.environment |= {"PROBE_TOGETHER": "2", "METALSWARM_WORKERS": "1"}
    text = PROVIDERS.replace("timeout=60", "timeout=1")
    probe.create(program("Meeting", 2), modules={"parts.py": text})
    assert "BrokenBarrierError" in probe.up().expect(ok=False).output


def test_interrupt_ends_a_waiting_create(probe: Project, running: list[subprocess.Popen[str]]) -> None:
    engine = start(probe, running, "Waiting")
    engine.send_signal(signal.SIGINT)
    output, _ = engine.communicate(timeout=30)
    assert engine.returncode != 0
    assert "n1: cancelled while waiting" in output
    assert "next: run the same command again; it resumes" in output
    assert not probe.export().get("pending_operations")
    assert (probe.folder / "cleaned").exists()


def test_second_interrupt_ends_the_server_by_itself(probe: Project, running: list[subprocess.Popen[str]]) -> None:
    engine = start(probe, running, "Deaf")
    engine.send_signal(signal.SIGINT)
    wait_for("the provider has been told to cancel", (probe.folder / "cancelled").exists)
    engine.send_signal(signal.SIGINT)
    engine.communicate(timeout=30)
    # Written by the server's own ending: the engine's SIGKILL, 5 s later, would leave no trace.
    assert (probe.folder / "cleaned").exists()
    wait_for("the server is gone", lambda: gone(probe.folder / "pid"))


def test_server_ends_with_a_killed_engine(probe: Project, running: list[subprocess.Popen[str]]) -> None:
    engine = start(probe, running, "Waiting")
    engine.kill()
    wait_for("the server is gone", lambda: gone(probe.folder / "pid"), seconds=10)
    assert (probe.folder / "cleaned").exists()


def test_server_ends_on_the_first_signal_after_an_update(probe: Project) -> None:
    probe.create(program("Plain"), modules={"parts.py": PROVIDERS})
    probe.up().expect()
    assert (probe.folder / "cleaned").exists()
    assert gone(probe.folder / "pid")


def test_error_of_ours_is_shown_as_its_text(probe: Project) -> None:
    probe.create(program("Failing"), modules={"parts.py": PROVIDERS})
    outcome = probe.up().expect(ok=False)
    (error,) = [event for event in outcome.diagnostics("error") if "thing0" in event.get("urn", "")]
    assert "n1: power stays off\n  tried: power on\n  last seen: off\n  next: look at it\n" in error["message"]
    assert "Traceback" not in outcome.output
    assert "Exception calling application" not in outcome.output


def test_unplanned_error_names_kind_and_place_without_a_traceback(probe: Project) -> None:
    probe.create(program("Broken"), modules={"parts.py": PROVIDERS})
    output = probe.up().expect(ok=False).output
    assert "unexpected KeyError: 'no such key'" in output
    assert "parts.py:" in output
    assert "Traceback" not in output


def test_progress_is_on_the_resource_it_is_about(probe: Project) -> None:
    probe.environment["PROBE_TOGETHER"] = "5"
    probe.create(program("Telling", 5), modules={"parts.py": PROVIDERS})
    told = [event for event in probe.up().expect().diagnostics("info") if event.get("ephemeral")]
    assert {event["urn"].split("::")[-1]: event["message"].strip() for event in told} == {
        f"thing{i}": f"about thing{i}" for i in range(5)
    }


def test_second_update_changes_nothing(probe: Project) -> None:
    probe.create(program("Plain", 3), modules={"parts.py": PROVIDERS})
    probe.up().expect()
    assert probe.resources()["thing1"]["outputs"]["ours"] is True
    assert probe.resources()["thing1"]["outputs"]["urn"].endswith("::thing1")
    assert probe.preview("--expect-no-changes").expect().changes == {"same": 4}
    assert probe.destroy().expect().changes == {"delete": 4}
    assert probe.resources() == {}


def test_stock_server_is_recognised(probe: Project) -> None:
    probe.create(program("Plain"), modules={"parts.py": PROVIDERS}, stock_server=True)
    probe.up().expect()
    outputs = probe.resources()["thing0"]["outputs"]
    assert outputs["ours"] is False
    assert outputs.get("urn") is None
