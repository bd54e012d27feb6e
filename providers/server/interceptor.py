"""What happens around every request: which resource it is for, cancel, errors a person can read."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc

from metal.errors import Cancelled, MetalError
from providers.server import runtime
from providers.server.unfinished import Unfinished, known_of, trailer

__all__ = ["RequestInterceptor", "error_text"]


class RequestInterceptor(grpc.ServerInterceptor):  # type: ignore[misc]
    """Wraps the handlers of a dynamic-provider server.

    :param debug: takes a URN and the traceback of an error nobody planned for.
    """

    def __init__(self, debug: Callable[[str | None, str], bool]) -> None:
        self._debug = debug
        self._running = 0
        self._idle = threading.Condition()

    def wait_idle(self, seconds: float) -> bool:
        """Wait until no request is being handled, at most `seconds`; whether that is so."""
        until = time.monotonic() + seconds
        with self._idle:
            return self._idle.wait_for(lambda: self._running == 0, max(0.0, until - time.monotonic()))

    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        if handler_call_details.method.endswith("/Cancel"):
            # Not only when the handler runs: all workers may be busy with the waits that this ends.
            runtime.cancel_event().set()
        return grpc.unary_unary_rpc_method_handler(
            self._around(handler.unary_unary),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _around(self, behaviour: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def handle(request: Any, context: Any) -> Any:
            with self._counted(), runtime.resource(getattr(request, "urn", None)):
                try:
                    return behaviour(request, context)
                except NotImplementedError:
                    raise  # the servicer has set its own code: this server does not offer the method
                except Exception as error:
                    self._abort(error, request, context)

        return handle

    def _abort(self, raised: Exception, request: Any, context: Any) -> NoReturn:
        error = raised.cause if isinstance(raised, Unfinished) else raised
        if not isinstance(error, MetalError):
            self._debug(runtime.current_urn(), "".join(traceback.format_exception(error)))
        # UNKNOWN and INTERNAL would make the engine call the state of the resource possibly corrupt.
        code = grpc.StatusCode.CANCELLED if isinstance(error, Cancelled) else grpc.StatusCode.FAILED_PRECONDITION
        text = error_text(error)
        if isinstance(raised, Unfinished):
            context.set_trailing_metadata(trailer(code.value[0], text, raised.id_, known_of(request)))
        context.abort(code, text)
        raise AssertionError("abort always raises")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._idle:
            self._running += 1
        try:
            yield
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()


def error_text(error: Exception) -> str:
    """What the user reads: the message of an error of ours; kind, message and place of any other."""
    if isinstance(error, MetalError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f"\n  at: {frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    text = str(error) or "no message"
    return f"unexpected {type(error).__name__}: {text}{where}\n  next: run again with --debug for the traceback"
