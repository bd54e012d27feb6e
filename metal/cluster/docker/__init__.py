"""The Docker Engine of a host: package, configuration, mutual TLS, and its API over SSH."""

from metal.cluster.docker.api import DockerApi, EngineRefused, EngineSilent, EngineUnready
from metal.cluster.docker.engine import ensure_engine
from metal.cluster.docker.observe import observe_engine
from metal.cluster.docker.remove import remove_engine
from metal.cluster.docker.wish import TLS_PORT, EngineReport, EngineSeen, EngineWish

__all__ = [
    "TLS_PORT",
    "DockerApi",
    "EngineRefused",
    "EngineReport",
    "EngineSeen",
    "EngineSilent",
    "EngineUnready",
    "EngineWish",
    "ensure_engine",
    "observe_engine",
    "remove_engine",
]
