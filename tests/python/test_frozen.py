"""A process that stood still: a connection that the service closed meanwhile gets no POST."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

import pytest

from helpers import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

ROUNDS = 6
# After a pause of 0.2 s the client takes a connection for one that may be closed.
PAUSE = 0.3
# A socket that was closed here, as the other side's kernel knows.
FIN_WAIT2 = 5

SYNC = """
import sys
from sessionwire import Agi

with Agi(base_url=sys.argv[1], api_key="some-key", max_retries=0) as client:
    while sys.stdin.readline():
        client.sessions.list()
        print("idle", flush=True)
        sys.stdin.readline()
        client.sessions.create()
        print("created", flush=True)
"""

ASYNC = """
import asyncio
import sys
from sessionwire import AsyncAgi

async def main():
    async with AsyncAgi(base_url=sys.argv[1], api_key="some-key", max_retries=0) as client:
        while sys.stdin.readline():
            await client.sessions.list()
            print("idle", flush=True)
            sys.stdin.readline()
            await client.sessions.create()
            print("created", flush=True)

asyncio.run(main())
"""


class Service:
    """A service of one connection at a time: it lists nothing, and creates sessions."""

    def __init__(self) -> None:
        self.connection: socket.socket
        self.created = 0
        self.answered_at = 0.0
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
                self.connection, _ = self._socket.accept()
            except OSError:
                return
            with self.connection:
                while self._answer(self.connection):
                    pass

    def _answer(self, connection: socket.socket) -> bool:
        request = b""
        while not is_whole(request):
            try:
                part = connection.recv(65536)
            except OSError:
                return False
            if not part:
                return False
            request += part
        body = b"[]"
        if request.startswith(b"POST"):
            self.created += 1
            body = b'{"session_id": "s%d", "agent_name": "agi-0", "status": "ready"}' % self.created
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        try:
            connection.sendall(head % (len(body), body))
        except OSError:
            return False
        self.answered_at = time.monotonic()
        return True

    def close_connection(self) -> None:
        """Closes the connection, and waits until the other side's kernel knows it."""
        self.connection.shutdown(socket.SHUT_WR)
        eventually(lambda: tcp_state(self.connection) == FIN_WAIT2, "the FIN arrived")


def is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return bool(end) and len(body) >= (0 if length is None else int(length[1]))


def tcp_state(connection: socket.socket) -> int:
    """As in the kernel's `tcp_states.h`."""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def stands_still(pid: int) -> bool:
    """Whether every thread of a process is stopped."""
    stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


@pytest.mark.parametrize("program", [SYNC, ASYNC], ids=["sync", "async"])
def test_g03_a_frozen_process_sends_nothing_into_a_closed_connection(program: str) -> None:
    with (
        Service() as service,
        subprocess.Popen(
            [sys.executable, "-c", program, service.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        ) as child,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            for number in range(1, ROUNDS + 1):
                child.stdin.write("list\n")
                assert child.stdout.readline() == "idle\n"
                os.kill(child.pid, signal.SIGSTOP)
                eventually(lambda: stands_still(child.pid), "it is stopped")
                service.close_connection()
                child.stdin.write("create\n")
                eventually(lambda: time.monotonic() - service.answered_at > PAUSE, "a pause")
                os.kill(child.pid, signal.SIGCONT)
                assert child.stdout.readline() == "created\n"
                assert service.created == number
            child.stdin.close()
            assert child.wait(30) == 0
        finally:
            child.kill()
