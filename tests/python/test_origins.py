"""Where a key goes: `tests/contract/origins.json`, for Python."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
import ssl
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

import sessionwire
from helpers import web_socket_answer, web_socket_frame
from sessionwire import Agi, AsyncAgi, AsyncRaccoon, Raccoon

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parent.parent
CERTIFICATES = TESTS / "certificates"
FILE: dict[str, Any] = json.loads((TESTS / "contract" / "origins.json").read_text("utf-8"))
CASES = [pytest.param(case, id=case["id"]) for case in FILE["cases"]]
SERVERS = ("service", "stranger", "proxy", "secure", "own", "socks")

CERTIFICATE_VARIABLES = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)


class Server:
    """Answers as a case says, and notes the heads that it received."""

    def __init__(self, *, certificate: str | None = None, socks: bool = False) -> None:
        self.heads: list[str] = []
        self.answers: dict[str, Any] = {}
        self.body = b""
        self._socks = socks
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(
                CERTIFICATES / f"{certificate}.pem", CERTIFICATES / f"{certificate}.key"
            )
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Wakes the thread, which a close alone would not.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def received(self) -> list[str]:
        return [head.split(" HTTP/1.1\r\n", 1)[0] for head in self.heads]

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=[connection], daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                if self._socks:
                    self._relay(connection)
                else:
                    self._answer(connection)
        except OSError:
            # A client that does not trust the certificate hangs up.
            connection.close()

    def _relay(self, connection: socket.socket) -> None:
        """Speaks SOCKS 5 (RFC 1928, RFC 1929): notes where to, and for whom."""
        with connection.makefile("rb") as stream:

            def after_length(skipped: int) -> bytes:
                stream.read(skipped)
                return stream.read(stream.read(1)[0])

            whose = ""
            if 2 in after_length(1):
                connection.sendall(b"\x05\x02")
                user, password = after_length(1), after_length(0)
                whose = f" for {user.decode()}:{password.decode()}"
                connection.sendall(b"\x01\x00")
            else:
                connection.sendall(b"\x05\x00")
            if stream.read(4)[3] == 3:
                host = after_length(0).decode()
            else:
                host = ".".join(str(part) for part in stream.read(4))
            target = f"{host}:{int.from_bytes(stream.read(2), 'big')}"
        self.heads.append(f"SOCKS5 {target}{whose}")
        tunnel(connection, target, b"\x05\x00\x00\x01" + bytes(6))

    def _answer(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(65536)
            if not part:
                return
            head += part
        first, rest = head.split(b"\r\n\r\n", 1)
        text = first.decode() + "\r\n"
        fields = dict(line.split(": ", 1) for line in text.split("\r\n")[1:-1])
        # Closed with something unread, a connection is reset.
        left = int(fields.get("content-length", 0)) - len(rest)
        while left > 0:
            left -= len(connection.recv(left))
        self.heads.append(text)
        method, target, _ = text.split(" ", 2)
        answer = self.answers.get(target)
        if method == "CONNECT" and answer is None:
            tunnel(connection, target)
            return
        if "sec-websocket-key" in fields and answer is None:
            speak(connection, fields["sec-websocket-key"])
            return
        answer = answer or {"status": 200}
        location = f"location: {answer['location']}\r\n" if "location" in answer else ""
        connection.sendall(
            f"HTTP/1.1 {answer['status']} Said\r\n{location}content-type: application/json\r\n"
            f"connection: close\r\ncontent-length: {len(self.body)}\r\n\r\n".encode()
            + self.body
        )


def speak(connection: socket.socket, key: str) -> None:
    """Agrees to a WebSocket, sends the frames and a close."""
    frames = [web_socket_frame(frame) for frame in FILE["frames"]]
    connection.sendall(web_socket_answer(key) + b"".join(frames) + b"\x88\x02\x03\xe8")
    # Until the client has read it all.
    while connection.recv(65536):
        pass


def tunnel(
    connection: socket.socket, target: str, agreed: bytes = b"HTTP/1.1 200 OK\r\n\r\n"
) -> None:
    host, port = target.split(":")
    with socket.create_connection((host, int(port))) as behind:
        connection.sendall(agreed)
        there = threading.Thread(target=pump, args=[connection, behind], daemon=True)
        there.start()
        pump(behind, connection)
        there.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while part := source.recv(65536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # One side hung up: so does the other.
        source.close()
        sink.close()


@pytest.fixture
def servers() -> Iterator[dict[str, Server]]:
    with (
        Server() as service,
        Server() as stranger,
        Server() as proxy,
        Server(certificate="localhost") as secure,
        Server(certificate="own") as own,
        Server(socks=True) as socks,
    ):
        yield dict(zip(SERVERS, (service, stranger, proxy, secure, own, socks), strict=True))


def filled(value: Any, servers: dict[str, Server]) -> Any:
    """A part of a case with the ports, the folder and the key filled in."""
    text = json.dumps(value).replace("{certificates}", str(CERTIFICATES))
    text = text.replace("{key}", FILE["key_in_a_url"])
    for name, server in servers.items():
        text = text.replace(f"{{{name}}}", str(server.port))
    return json.loads(text)


def prepare(
    case: dict[str, Any], servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Sets the environment and the answers; gives the case as it is here."""
    case = filled(case, servers)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in CERTIFICATE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in case.get("env", {}).items():
        monkeypatch.setenv(name, value)
    for name, server in servers.items():
        server.answers = case.get("answers", {}).get(name, {})
        server.body = json.dumps(FILE["bodies"][case["call"]]).encode()
    case["client"] |= {"api_key": FILE["key"], "max_retries": 0}
    return case


def call(name: str, args: dict[str, Any], client: Agi | AsyncAgi) -> Any:
    """Makes a case's call; the caller awaits what is awaitable."""
    return {
        "list": client.sessions.list,
        "get": client.sessions.get,
        "create": client.sessions.create,
    }[name](**args)


def raccoon_call(name: str, args: dict[str, Any], client: Raccoon, shown: list[str]) -> None:
    session = client.session(args.get("session_id"))
    if name == "list":
        list(client.sessions.list())
    elif name == "get":
        client.sessions.get(**args)
    elif name == "upload":
        session.upload(b"hello", name="a.txt")
    else:
        if name == "attach":
            turn = client.attach(**args, max_reconnects=0)
        else:
            turn = session.start_turn("go", max_reconnects=0)
        with turn:
            shown.append(repr(turn))
            assert turn.result().text == FILE["text"]


async def async_raccoon_call(
    name: str, args: dict[str, Any], client: AsyncRaccoon, shown: list[str]
) -> None:
    session = client.session(args.get("session_id"))
    if name == "list":
        assert [found async for found in client.sessions.list()] == []
    elif name == "get":
        await client.sessions.get(**args)
    elif name == "upload":
        await session.upload(b"hello", name="a.txt")
    else:
        if name == "attach":
            turn = await client.attach(**args, max_reconnects=0)
        else:
            turn = await session.start_turn("go", max_reconnects=0)
        async with turn:
            shown.append(repr(turn))
            assert (await turn.result()).text == FILE["text"]


def check(
    case: dict[str, Any],
    servers: dict[str, Server],
    outcome: sessionwire.SessionwireError | None,
    shown: list[str],
) -> None:
    expect = case["expect"]
    if "error" not in expect:
        if outcome is not None:
            raise outcome
    else:
        wanted = expect["error"]
        assert type(outcome).__name__ == wanted["name"], repr(outcome)
        assert getattr(outcome, "status_code", None) == wanted.get("status_code")
        for part in wanted.get("text", []):
            assert part in str(outcome)
    password = base64.b64encode(f"me:{FILE['password']}".encode()).decode()
    for name, server in servers.items():
        assert server.received() == expect["received"].get(name, []), name
        for head in server.heads:
            told = name not in expect.get("without_key", [])
            knows = told and not head.startswith(("CONNECT ", "SOCKS5 "))
            assert (FILE["key"] in head or FILE["key_in_a_url"] in head) == knows, head
            user = expect.get("proxy_user") if name == "proxy" else None
            if user is not None:
                encoded = base64.b64encode(user.encode()).decode()
                assert f"\r\nproxy-authorization: Basic {encoded}\r\n" in head
            elif name != "proxy":
                assert "proxy-authorization" not in head.lower()
    for text in shown:
        for secret in (FILE["key"], FILE["key_in_a_url"], FILE["password"], password):
            assert secret not in text


def looks(client: object, outcome: BaseException | None, log: str) -> list[str]:
    """Whatever a user could look at."""
    shown = [repr(client), log]
    if outcome is not None:
        shown += [repr(outcome), str(outcome), repr(vars(outcome))]
        # Without the lines of this file, which may hold anything.
        shown += traceback.format_exception_only(outcome)
    return shown


@pytest.mark.parametrize("case", CASES)
def test_g07_g08_origins(
    case: dict[str, Any],
    servers: dict[str, Server],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    case = prepare(case, servers, monkeypatch)
    client: Agi | Raccoon | None = None
    outcome = None
    shown: list[str] = []
    service, _, name = case["call"].rpartition(".")
    args = case.get("args", {})
    try:
        client = Raccoon(**case["client"]) if service else Agi(**case["client"])
        with client:
            if isinstance(client, Raccoon):
                raccoon_call(name, args, client, shown)
            else:
                call(name, args, client)
    except sessionwire.SessionwireError as error:
        outcome = error
    check(case, servers, outcome, shown + looks(client, outcome, caplog.text))


@pytest.mark.parametrize("case", CASES)
def test_g07_g08_origins_async(
    case: dict[str, Any],
    servers: dict[str, Server],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    case = prepare(case, servers, monkeypatch)
    client: AsyncAgi | AsyncRaccoon | None = None
    outcome = None
    shown: list[str] = []
    service, _, name = case["call"].rpartition(".")
    args = case.get("args", {})

    async def main() -> None:
        nonlocal client
        client = AsyncRaccoon(**case["client"]) if service else AsyncAgi(**case["client"])
        async with client:
            if isinstance(client, AsyncRaccoon):
                await async_raccoon_call(name, args, client, shown)
            else:
                await call(name, args, client)

    try:
        asyncio.run(main())
    except sessionwire.SessionwireError as error:
        outcome = error
    check(case, servers, outcome, shown + looks(client, outcome, caplog.text))
