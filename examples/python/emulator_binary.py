"""The emulator as a program of its own, or in a container, in the manner of Testcontainers.

Nothing of `sessionwire` is imported: this is what it takes in any language. Start it, read a line,
speak HTTP.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from typing import Any


class EmulatorContainer:
    """`with EmulatorContainer() as emulator:` is a running emulator; it ends with the block."""

    def __init__(self, image: str | None = None) -> None:
        """Takes the image to run with Docker; without one the program on the path."""
        # It ends when its standard input closes: also when this process is killed.
        arguments = ["--control", "--json", "--end-with-stdin"]
        if image is None:
            self._command = [shutil.which("sessionwire") or "sessionwire", "emulator", *arguments]
        else:
            # The image listens on every address of the container; this machine alone reaches it.
            port = ["-p", "127.0.0.1:8080:8080"]
            self._command = ["docker", "run", "--rm", "-i", *port, image, *arguments]

    def __enter__(self) -> EmulatorContainer:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        # The first line says where it listens, once it does.
        self._told = json.loads(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def world(self, **given: Any) -> World:
        """A world of its own for one test: `scenario`, `faults`, `clock`."""
        made = self.control("POST", "/worlds", given)
        return World(self, self._told["url"], made["key"])

    def control(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """A request to the control API."""
        headers = {"X-Emulator-Key": key} if key else {}
        url = self._told["control_url"] + path
        return send(method, url, self._told["control_token"], body, headers)


class World:
    """What belongs to one key."""

    def __init__(self, emulator: EmulatorContainer, url: str, key: str) -> None:
        self._emulator = emulator
        self.url = url
        self.key = key

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the control API, about this world."""
        return self._emulator.control(method, path, body, self.key)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the service, as the program under test sends it."""
        return send(method, f"{self.url}/v1{path}", self.key, body, {})


def send(method: str, url: str, token: str, body: Any, headers: dict[str, str]) -> Any:
    """A request with JSON, and the JSON of its response."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, method=method)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
    for name, value in headers.items():
        request.add_header(name, value)
    with urllib.request.urlopen(request, timeout=30) as response:
        text = response.read()
        return json.loads(text) if text else None


scenario = """
tasks:
  - match: mug
    steps:
      - thought: Looking for mugs
      - delay: 3600
      - done: A blue mug
"""

with EmulatorContainer(os.environ.get("EMULATOR_IMAGE")) as emulator:
    world = emulator.world(scenario=scenario, clock="fast")
    session = world.call("POST", "/sessions", {"agent_name": "agi-0"})["session_id"]
    world.call("POST", f"/sessions/{session}/message", {"message": "Buy a mug"})
    while world.call("GET", f"/sessions/{session}/status")["status"] != "finished":
        pass
    messages = world.call("GET", f"/sessions/{session}/messages")["messages"]
    sent = world.control("POST", "/requests/wait", {"json": {"message": "Buy a mug"}})
    print(messages[-1]["content"], "after", len(sent["requests"]), "message")
