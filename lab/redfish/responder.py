"""The small Redfish BMC itself: resources, login, sessions, resets and boot overrides, each open to a fault."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from lab.redfish.board import Board, MemoryBoard
from lab.redfish.boot import is_recorded, refuse_boot
from lab.redfish.certificate import Certificate
from lab.redfish.rules import Action, Rules
from lab.redfish.server import Reply, Request, Server, refusal
from lab.redfish.temper import Etag, Mode, Temper
from lab.redfish.tree import POLICIES, SystemSpec, accounts, documents, normal

__all__ = ["Responder"]

_SESSIONS = re.compile(r"/redfish/v1/(SessionService/)?Sessions(/(?P<id>[^/]+))?$")
_RESET = re.compile(r"(?P<system>.+/Systems/[^/]+)/Actions/ComputerSystem\.Reset$")
_ACCOUNTS = "/redfish/v1/AccountService/Accounts"
_ACCOUNT = f"{_ACCOUNTS}/2"
_OPPOSITES = {"On": ("On", "ForceOn"), "Off": ("ForceOff", "GracefulShutdown")}
_POLICY = "PowerRestorePolicy"
_OVERRIDE = ("BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode")


@dataclass
class Responder:
    """Serves from the moment it is made, until :meth:`close`.

    :ivar tree: documents by path; a system's power, boot override and restore policy come from its board.
    :ivar boards: by the system's path; made from the tree where none is given.
    :ivar certificate: None serves plain HTTP.
    :ivar log: each request as (method, path, how it was let in: "", "basic" or "session"), in order.
    :ivar logins: sessions given so far.
    :ivar changes: passwords kept so far.
    """

    user: str
    password: str
    tree: dict[str, dict[str, Any]] = field(default_factory=lambda: documents([SystemSpec()]))
    boards: dict[str, Board] = field(default_factory=dict)
    temper: Temper = field(default_factory=Temper)
    certificate: Certificate | None = None
    address: str = "127.0.0.1"
    port: int = 0
    rules: Rules = field(default_factory=Rules)
    log: list[tuple[str, str, str]] = field(default_factory=list)
    logins: int = 0
    most_open: int = 0
    bad_logins: int = 0
    changes: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._tokens: dict[str, str] = {}
        self._away_until = 0.0
        self._coming = (float("inf"), "")
        for path, document in self.tree.items():
            if re.search(r"/Systems/[^/]+$", path) and path not in self.boards:
                self.boards[path] = _board_of(document)
        self.tree |= accounts(_ACCOUNTS)
        self._server = Server(self._answer, self.address, self.port, self.certificate)
        self.port = self._server.port

    @property
    def board(self) -> MemoryBoard:
        """The first system's."""
        board = next(iter(self.boards.values()))
        assert isinstance(board, MemoryBoard)
        return board

    @property
    def open_sessions(self) -> int:
        return len(self._tokens)

    def fault(self, rule: Mapping[str, Any]) -> None:
        self.rules.add(rule)

    def occupy(self, sessions: int) -> None:
        """Sessions that others hold and never end."""
        with self._lock:
            self._tokens |= {secrets.token_hex(4): secrets.token_hex(8) for _ in range(sessions)}

    def restart(self, seconds: float) -> None:
        """The BMC resets itself: sessions are forgotten, and for a while all it says is 503."""
        with self._lock:
            self._tokens.clear()
            self._away_until = time.monotonic() + seconds

    def password_now(self) -> str:
        """With what was accepted some time ago and comes true by now."""
        with self._lock:
            if time.monotonic() >= self._coming[0]:
                self.password, self._coming = self._coming[1], (float("inf"), "")
            return self.password

    def show(self, certificate: Certificate) -> None:
        """Another certificate from the next connection on."""
        self._server.use(certificate)

    def close(self) -> None:
        self._server.close()

    def asked(self, method: str, path: str = "") -> int:
        """How many such requests came."""
        return sum(1 for known, where, _ in self.log if known == method and re.search(path, where))

    # One request

    def _answer(self, request: Request) -> Reply | None:
        rule = self.rules.take(request.method, request.path)
        if rule is not None and rule.latency:
            self._server.pause(rule.latency)
        with self._lock:
            self.password_now()
            admitted = self._admitted(request)
            self.log.append((request.method, request.path, admitted or ""))
            if rule is None or rule.action is Action.SERVE:
                return self._serve(request, admitted)
            if rule.action in (Action.APPLY, Action.LOSE):
                self._serve(request, admitted)
        if rule.action is Action.HANG:
            self._server.pause(3600)
        if rule.action in (Action.HANG, Action.DROP, Action.LOSE):
            return None
        if rule.action is Action.IGNORE:
            return Reply(HTTPStatus.NO_CONTENT)
        late = {"Retry-After": str(rule.retry_after)} if rule.retry_after else {}
        return refusal(rule.status, rule.message, rule.text, late)

    def _serve(self, request: Request, admitted: str | None) -> Reply:
        path = normal(request.path)
        if time.monotonic() < self._away_until:
            return refusal(503, "Base.1.8.ServiceTemporarilyUnavailable")
        if path == "/redfish/v1" and request.method == "GET":
            return self._document(path)
        if (match := _SESSIONS.search(path)) and request.method == "POST":
            return self._log_in(request)
        if admitted is None:
            challenge = {"WWW-Authenticate": 'Basic realm="BMC"'} if self.temper.basic and self.temper.advertise else {}
            return refusal(401, "Base.1.8.NoValidSession", headers=challenge)
        if match and request.method == "DELETE":
            return self._log_out(match["id"] or "")
        if request.method == "POST" and (reset := _RESET.match(path)):
            return self._reset(reset["system"], request.body)
        if path not in self.tree:
            return refusal(404, "Base.1.8.ResourceMissingAtURI")
        if self.temper.must_change and path != _ACCOUNT:
            return refusal(403, "Base.1.8.PasswordChangeRequired", arguments=[_ACCOUNT])
        if request.method == "GET":
            return self._document(path)
        if request.method == "PATCH":
            return self._patch(path, request)
        return refusal(405, "Base.1.8.OperationNotAllowed")

    # Login

    def _admitted(self, request: Request) -> str | None:
        if token := request.headers.get("x-auth-token"):
            return "session" if token in self._tokens.values() else None
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        pair = base64.b64decode(given).decode()
        if self.temper.basic and hmac.compare_digest(pair, f"{self.user}:{self.password}"):
            return "basic"
        self.bad_logins += 1
        return None

    def _log_in(self, request: Request) -> Reply:
        if not self.temper.session_service:
            return refusal(404, "Base.1.8.ResourceMissingAtURI")
        if (request.body.get("UserName"), request.body.get("Password")) != (self.user, self.password):
            self.bad_logins += 1
            return refusal(401, "Base.1.8.ResourceAtUriUnauthorized")
        if len(self._tokens) >= self.temper.slots:
            return refusal(*self.temper.full)
        name, token = secrets.token_hex(4), secrets.token_hex(16)
        self._tokens[name] = token
        self.logins += 1
        self.most_open = max(self.most_open, len(self._tokens))
        where = f"{normal(request.path)}/{name}"
        scheme = "https" if self.certificate else "http"
        located = {"X-Auth-Token": token, "Location": f"{scheme}://{self.address}:{self.port}{where}"}
        return Reply(HTTPStatus.CREATED, {"@odata.id": where, "Id": name, "UserName": self.user}, located)

    def _log_out(self, name: str) -> Reply:
        if self._tokens.pop(name, None) is None:
            return refusal(404, "Base.1.8.ResourceMissingAtURI")
        return Reply(HTTPStatus.NO_CONTENT)

    # Resources

    def _document(self, path: str) -> Reply:
        document = copy.deepcopy(self.tree[path])
        if path == _ACCOUNT or (self.temper.namesakes and path.startswith(f"{_ACCOUNTS}/")):
            document["UserName"] = self.user
        board = self.boards.get(path) or self.boards.get(path.rpartition("/")[0])
        if path in self.boards:
            document["PowerState"] = self.boards[path].power()
        if board is not None and _POLICY in document:
            document[_POLICY] = board.restore()
        if board is not None and any(key.startswith("BootSourceOverride") for key in document.get("Boot", ())):
            shown = document["Boot"]
            keys = [
                key for key in _OVERRIDE if key in shown or key != "BootSourceOverrideMode" or not is_recorded(shown)
            ]
            document["Boot"] = {**shown, **{key: value for key, value in board.boot().items() if key in keys}}
        return Reply(HTTPStatus.OK, document, {"ETag": tag} if (tag := self._tag(path, document)) else {})

    def _tag(self, path: str, document: Mapping[str, Any]) -> str:
        if self.temper.etag is Etag.NONE or not ("Boot" in document or path == _ACCOUNT):
            return ""
        shown = [document.get("Boot"), document.get(_POLICY), path == _ACCOUNT and self.changes]
        strong = '"' + hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:12] + '"'
        return f"W/{strong}" if self.temper.etag is Etag.WEAK else strong

    def _reset(self, system: str, body: Mapping[str, Any]) -> Reply:
        board = self.boards.get(system)
        if board is None:
            return refusal(404, "Base.1.8.ResourceMissingAtURI")
        action = self.tree[system]["Actions"]["#ComputerSystem.Reset"]
        info = self.tree.get(normal(str(action.get("@Redfish.ActionInfo", ""))), {})
        offered = action.get("ResetType@Redfish.AllowableValues") or info["Parameters"][0]["AllowableValues"]
        kind = str(body.get("ResetType"))
        if kind not in offered:
            return refusal(400, "Base.1.8.ActionParameterNotSupported", f"ResetType {kind} is not supported")
        state = board.state if isinstance(board, MemoryBoard) else board.power()
        if state == "Paused" and kind in ("On", "ForceOn"):
            return Reply(HTTPStatus.NO_CONTENT)
        if kind in _OPPOSITES.get(state, ()):
            return refusal(self.temper.same_state, "Base.1.8.NoOperation", f"the system is {state} already")
        board.reset(kind)
        return Reply(HTTPStatus.NO_CONTENT)

    def _patch(self, path: str, request: Request) -> Reply:
        if _POLICY in request.body:
            return self._keep_policy(path, request)
        if path == _ACCOUNT and isinstance(request.body.get("Password"), str):
            return self._keep_password(path, request)
        boot = request.body.get("Boot")
        board = self.boards.get(path) or self.boards.get(path.rpartition("/")[0])
        if not isinstance(boot, dict) or board is None or "Boot" not in self.tree[path]:
            return refusal(400, "Base.1.8.PropertyNotWritable")
        if (settings := self.tree[path].get("@Redfish.Settings")) and self._takes_boot(settings):
            return refusal(400, "Base.1.8.PropertyNotWritable", "changes belong to the settings resource")
        if (unmet := self._unmet(path, request)) is not None:
            return unmet
        refused = refuse_boot(self.temper, boot, self.tree[path]["Boot"])
        if refused is not None:
            return refused
        if self.temper.mode is Mode.FORGOTTEN and "BootSourceOverrideMode" not in boot:
            boot = {**boot, "BootSourceOverrideMode": "Legacy"}
        board.set_boot(boot)
        return Reply(HTTPStatus.OK, {})

    def _keep_policy(self, path: str, request: Request) -> Reply:
        document, wanted = self.tree[path], request.body[_POLICY]
        board = self.boards.get(path) or self.boards.get(path.rpartition("/")[0])
        if board is None or _POLICY not in document:
            return refusal(400, "Base.1.8.PropertyUnknown")
        if (unmet := self._unmet(path, request)) is not None:
            return unmet
        if wanted not in document.get(f"{_POLICY}@Redfish.AllowableValues", POLICIES):
            return refusal(400, "Base.1.8.PropertyValueNotInList", f"{_POLICY} {wanted} is not in the list")
        if self.temper.forgets_restore > 0:
            self.temper.forgets_restore -= 1
        else:
            board.set_restore(str(wanted))
        return Reply(HTTPStatus.OK, {})

    def _keep_password(self, path: str, request: Request) -> Reply:
        if (unmet := self._unmet(path, request)) is not None:
            return unmet
        wanted = request.body["Password"]
        if self.temper.refuses_passwords:
            return refusal(400, "Base.1.8.PropertyValueFormatError", f"The value {wanted} for Password is not allowed")
        if self.temper.forgets_passwords > 0:
            self.temper.forgets_passwords -= 1
            return Reply(HTTPStatus.OK, {})
        self.changes += 1
        kept = wanted[: self.temper.keeps_letters or None]
        if self.temper.applies_after:
            # What is the password already changes nothing, also where another one is on its way.
            self._coming = (
                self._coming if kept == self.password else (time.monotonic() + self.temper.applies_after, kept)
            )
            return Reply(HTTPStatus.OK, {})
        self.password = kept
        self.temper.must_change = False
        if self.temper.ends_sessions:
            self._tokens.clear()
        return Reply(HTTPStatus.OK, {})

    def _unmet(self, path: str, request: Request) -> Reply | None:
        """The answer to a change whose precondition does not hold."""
        wanted = str(self._document(path).headers.get("ETag", "")).removeprefix("W/")
        matched = request.headers.get("if-match")
        if self.temper.etag is Etag.REQUIRED and matched is None:
            return refusal(428, "Base.1.8.PreconditionRequired")
        if self.temper.etag is not Etag.NONE and matched not in (None, wanted):
            return refusal(412, "Base.1.8.PreconditionFailed")
        return None

    def _takes_boot(self, settings: Mapping[str, Any]) -> bool:
        there = self.tree.get(normal(settings["SettingsObject"]["@odata.id"]), {})
        return "BootSourceOverrideTarget@Redfish.AllowableValues" in there.get("Boot", {})


def _board_of(document: Mapping[str, Any]) -> MemoryBoard:
    board = MemoryBoard(state=str(document.get("PowerState", "Off")), policy=str(document.get(_POLICY, POLICIES[0])))
    shown = document.get("Boot", {})
    board.override |= {key: str(shown[key]) for key in _OVERRIDE if shown.get(key)}
    return board
