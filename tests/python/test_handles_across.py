"""A handle that each language wrote is read by each other, in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sessionwire import Emulator

ROOT = Path(__file__).parents[2]
RUST = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/sessionwire-handle"
WORDS = ["one", "two", "three", "four", "five"]
AGENT = {"tasks": [{"steps": [*({"thought": word} for word in WORDS), {"done": "{task}"}]}]}

PYTHON = """
import json, sys
from sessionwire import Agi

what, url, key, *handle = sys.argv[1:]
with Agi(base_url=url, api_key=key) as client:
    if what == "begin":
        task = client.sessions.create().start_task("long")
        events = iter(task)
        for _ in range(3):
            next(events)
        print(task.handle(), end="")
    else:
        task = client.resume(handle[0])
        texts = [event.text for event in task]
        print(json.dumps({"events": texts, "result": task.result().text}))
"""

NODE = """
import { Agi } from "sessionwire";

const [what, baseUrl, apiKey, handle] = process.argv.slice(1);
const client = new Agi({ baseUrl, apiKey });
if (what === "begin") {
  const task = await (await client.sessions.create()).startTask("long");
  for (let count = 0; count < 3; count += 1) await task.next();
  process.stdout.write(task.handle());
} else {
  const task = await client.resume(handle);
  const events = [];
  for await (const event of task) events.push(event.text);
  console.log(JSON.stringify({ events, result: (await task.result()).text }));
}
await client.close();
"""

PROGRAMS = {
    "python": [sys.executable, "-c", PYTHON],
    "node": ["node", "--input-type=module", "-e", NODE, "--"],
    "rust": [str(RUST)],
}


def run(language: str, *args: str) -> str:
    command = [*PROGRAMS[language], *args]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("reader", PROGRAMS)
@pytest.mark.parametrize("writer", PROGRAMS)
def test_g01_a_handle_is_read_by_every_language(writer: str, reader: str) -> None:
    with Emulator(step_delay=0.0, scenario=AGENT) as emulator:
        where = (emulator.url, emulator.api_key)
        handle = run(writer, "begin", *where)
        assert len(handle) < 100
        told = json.loads(run(reader, "resume", *where, handle))
        assert told == {"events": ["four", "five", "long"], "result": "long"}
        assert len(emulator.requests("POST", "/v1/sessions/*/message")) == 1
