"""Small helps for the tests."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable


def eventually(condition: Callable[[], Any], what: str, limit: float = 10.0) -> None:
    """Waits until the condition holds."""
    until = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < until, f"still not so after {limit} s: {what}"
        time.sleep(0.005)


def script(*steps: dict[str, Any]) -> dict[str, Any]:
    """A scenario in which every task takes these steps."""
    return {"tasks": [{"steps": list(steps)}]}


def thoughts(count: int) -> dict[str, Any]:
    """So many thoughts, `thought 1` first."""
    return {"repeat": count, "steps": [{"thought": "thought {n}"}]}


def hooks_named(options: dict[str, Any]) -> dict[str, Any]:
    """A client's options, with the functions that a case of turn_hooks.json names."""
    hooks: dict[str, dict[str, Any]] = {
        "decode_frame": DECODE_FRAME,
        "decode_answer": DECODE_ANSWER,
    }
    return {name: hooks[name][of] if name in hooks else of for name, of in options.items()}


def open_envelope(value: Any) -> Any:
    if isinstance(value, dict) and "envelope" in value:
        return json.loads(value["envelope"])
    return value


def fail_at_text(frame: dict[str, Any]) -> dict[str, Any]:
    if frame.get("kind") == "text":
        raise ValueError("no such frame")
    return frame


def fail(*_: object) -> Any:
    raise LookupError("no such response")


DECODE_FRAME: dict[str, Callable[[Any], Any]] = {
    "open_envelope": lambda frame: None if isinstance(frame, str) else open_envelope(frame),
    "leave_out_thoughts": lambda frame: None if frame.get("kind") == "thought" else frame,
    "leave_out_ends": lambda frame: None if frame.get("kind") == "task.completed" else frame,
    "fail_at_text": fail_at_text,
    "give_a_number": lambda frame: 7 if frame.get("kind") == "text" else frame,
}
DECODE_ANSWER: dict[str, Callable[[str, int, Any], Any]] = {
    "open_envelope": lambda operation, status, body: open_envelope(body),
    "fail": fail,
    "give_nothing": lambda operation, status, body: None,
}


class RawStream:
    """A server whose first stream is exactly these bytes; everything after it is gone (404)."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Wakes the thread, which a close alone would not.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(65536)
            if not part:
                return
            head += part
        if b"/events" in head.split(b"\r\n", 1)[0] and self._body is not None:
            status, kind, body = b"200 OK", b"text/event-stream", self._body
            self._body = None
        else:
            status, kind = b"404 Not Found", b"application/json"
            body = b'{"detail": "Session not found"}'
        connection.sendall(
            b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
            % (status, kind, len(body), body)
        )


class Flood:
    """A server whose stream never ends; it notes when the reader holds it back.

    `held` is set once the socket took nothing more for a second; `sent` is how
    many bytes it took until then. After `go_on` it ends the stream after the
    event `last`.
    """

    def __init__(self, last: int) -> None:
        self.held = threading.Event()
        self.go_on = threading.Event()
        self.sent = 0
        self._last = last
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            connection.settimeout(1.0)
            for number in range(1, self._last + 1):
                data = b'{"text": "%b", "message_id": %d}' % (b"x" * 1000, number)
                if not self._send(connection, b"event: log\nid: %d\ndata: %b\n\n" % (number, data)):
                    return
            # The client says when it has enough.
            connection.settimeout(None)
            connection.recv(1)

    def _send(self, connection: socket.socket, data: bytes) -> bool:
        while data:
            try:
                taken = connection.send(data)
            except TimeoutError:
                self.held.set()
                self.go_on.wait()
                connection.settimeout(None)
                continue
            except OSError:
                return False
            data = data[taken:]
            if not self.held.is_set():
                self.sent += taken
        return True


#: The operation code of the frame that closes a WebSocket (RFC 6455, section 5.2).
CLOSE = 8


def web_socket_answer(key: str) -> bytes:
    """What agrees to a WebSocket (RFC 6455, section 1.3)."""
    text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(text.encode()).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-accept: %b\r\n\r\n" % accept
    )


def web_socket_frame(message: dict[str, Any]) -> bytes:
    """A message as one text frame of a server."""
    text = json.dumps(message).encode()
    short = len(text) < 126
    size = struct.pack("!B", len(text)) if short else struct.pack("!BH", 126, len(text))
    return b"\x81" + size + text


class TurnFlood(Flood):
    """The same for a turn, which has `last` events and then ends: over a WebSocket."""

    def _serve(self) -> None:
        self._answer_the_start()
        connection, _ = self._socket.accept()
        with connection:
            head = connection.recv(65536).decode()
            key = head.partition("sec-websocket-key: ")[2].partition("\r\n")[0]
            connection.sendall(web_socket_answer(key))
            connection.settimeout(1.0)
            for number in range(1, self._last + 1):
                kind, payload = "thought", {"thought": "x" * 1000}
                if number == self._last - 1:
                    kind, payload = "text", {"text": "done"}
                elif number == self._last:
                    kind, payload = "task.completed", {}
                event = {"event_id": number, "kind": kind, "message_id": "m", "payload": payload}
                if not self._send(connection, web_socket_frame(event)):
                    return
            # The client says when it has enough; until then it may send pings.
            connection.settimeout(None)
            with connection.makefile("rb") as frames:
                while (begin := frames.read(2)) and begin[0] & 0x0F != CLOSE:
                    # The mask, and what a ping says: never much.
                    frames.read(4 + (begin[1] & 0x7F))

    def _answer_the_start(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            # The head may come before the body.
            data = connection.recv(65536)
            while not data.endswith(b"}"):
                data += connection.recv(65536)
            body = b'{"agent_message_id": "m", "status": "running"}'
            connection.sendall(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body)
            )
