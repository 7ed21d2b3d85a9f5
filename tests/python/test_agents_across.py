"""The agents of the examples, each driven by the other language's client, in another process."""

from __future__ import annotations

import json
import runpy
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sessionwire import Agi, Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TASK, ANSWER = "Find something nice", "blue"
EVENTS = [
    ["thought", "Working on: Find something nice"],
    ["question", "Which colour?"],
    ["step", "Looking at the blue mug for 12.50 EUR"],
    ["step", "Looking at the blue bowl for 7.50 EUR"],
    ["done", "The blue bowl costs 7.50 EUR"],
]
RESULT = {"summary": "The blue bowl costs 7.50 EUR", "price": 7.5}

SERVER = """
import { once } from "node:events";
import { Emulator } from "sessionwire";
import { shopAgent } from "./examples/node/agent.mjs";

const emulator = await Emulator.start({ agent: shopAgent });
console.log(JSON.stringify({ url: emulator.url, key: emulator.apiKey }));
await once(process.stdin.resume(), "end");
await emulator.close();
"""

CLIENT = """
import { Agi } from "sessionwire";

const [baseUrl, apiKey, text, answer] = process.argv.slice(1);
const client = new Agi({ baseUrl, apiKey });
const events = [];
const result = await client.runTask(text, {
  onEvent: (event) => events.push([event.type, event.text]),
  onQuestion: () => answer,
});
console.log(JSON.stringify({ events, result: result.data }));
await client.close();
"""


def node(program: str, *args: str) -> list[str]:
    return ["node", "--input-type=module", "-e", program, "--", *args]


@contextmanager
def agent_in_node() -> Iterator[Agi]:
    with subprocess.Popen(
        node(SERVER), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        with Agi(base_url=where["url"], api_key=where["key"]) as client:
            yield client
        process.communicate(timeout=30)
        assert process.returncode == 0


def test_a_node_agent_is_driven_by_the_python_client() -> None:
    with agent_in_node() as client, client.sessions.create() as session:
        for _ in range(2):
            with session.start_task(TASK) as task:
                events = []
                for event in task:
                    events.append([event.type, event.text])
                    if event.type == "question":
                        task.answer(ANSWER)
                assert task.result().data == RESULT
            assert events == EVENTS


def test_a_python_agent_is_driven_by_the_node_client() -> None:
    agent = runpy.run_path(str(ROOT / "examples" / "python" / "agent.py"))["shop_agent"]
    with Emulator(agent=agent) as emulator:
        done = subprocess.run(
            node(CLIENT, emulator.url, emulator.api_key, TASK, ANSWER),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout) == {"events": EVENTS, "result": RESULT}
        emulator.assert_requested("DELETE", "/v1/sessions/*", times=1)
