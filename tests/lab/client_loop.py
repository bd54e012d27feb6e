"""What a client and a service see while a stack is changed: polled in threads, counted, told afterwards."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.lab.stack import LabStack

__all__ = ["Answers", "SwarmClient", "asking", "counting"]

_PAUSE = 0.4


class SwarmClient:
    """A user's own client of one cluster: its certificate, port 2475, and a new connection for every question."""

    def __init__(self, stack: LabStack, cluster: str) -> None:
        self._stack, self._context = stack, stack.tls(cluster)

    def ask(self, host: str, path: str, **request: Any) -> Any:
        with httpx.Client(verify=self._context, timeout=30) as client:
            method = request.pop("method", "GET")
            answer = client.request(method, f"https://{self._stack.address(host)}:2475{path}", **request)
        answer.raise_for_status()
        return answer.json() if answer.content.strip().startswith((b"{", b"[")) else answer.text

    def running_tasks(self, host: str, service: str) -> dict[str, str]:
        """Node id by task id, of the service's tasks that run and are to run."""
        filters = json.dumps({"service": [service], "desired-state": ["running"]})
        tasks = self.ask(host, "/tasks", params={"filters": filters})
        return {task["ID"]: task["NodeID"] for task in tasks if task["Status"]["State"] == "running"}


@dataclass
class Answers:
    """What one manager answered.

    :ivar failures: what the failed ones said.
    :ivar longest: seconds of the slowest answer.
    """

    asked: int = 0
    failures: list[str] = field(default_factory=list)
    longest: float = 0.0


@contextmanager
def asking(stack: LabStack, managers: Mapping[str, str]) -> Iterator[dict[str, Answers]]:
    """Ask each manager for the swarm's nodes, again and again until the block ends.

    :param managers: the cluster of each, by host.
    """
    clients = {cluster: SwarmClient(stack, cluster) for cluster in set(managers.values())}
    found = {host: Answers() for host in managers}

    def one(host: str) -> None:
        answers, started = found[host], time.monotonic()
        answers.asked += 1
        try:
            assert clients[managers[host]].ask(host, "/nodes")
        except httpx.HTTPStatusError as error:
            answers.failures.append(f"{error.response.status_code} {error.response.text.strip()}")
        except httpx.HTTPError as error:
            answers.failures.append(repr(error))
        answers.longest = max(answers.longest, time.monotonic() - started)

    with _repeating([lambda host=host: one(host) for host in managers]):  # type: ignore[misc]
        yield found


@contextmanager
def counting(client: SwarmClient, managers: list[str], service: str) -> Iterator[list[int]]:
    """Count the service's running tasks until the block ends, through whichever of `managers` answers."""
    found: list[int] = []

    def count() -> None:
        for host in managers:
            try:
                found.append(len(client.running_tasks(host, service)))
                return
            except httpx.HTTPError:
                continue

    with _repeating([count]):
        yield found


@contextmanager
def _repeating(acts: list[Callable[[], None]]) -> Iterator[None]:
    over = threading.Event()
    broken: list[BaseException] = []

    def repeat(act: Callable[[], None]) -> None:
        try:
            while not over.is_set():
                act()
                over.wait(_PAUSE)
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=repeat, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    if broken:
        raise broken[0]
