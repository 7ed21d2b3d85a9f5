"""The agents of the examples, for tasks and turns, each driven by the other language's client, in
another process."""

from __future__ import annotations

import json
import runpy
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sessionwire import Agi, Emulator, Raccoon

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

# Kinds and texts; of a plan and a result the text is language's own.
FILE = "blue mug 12.50\ngreen mug 9.90\n"
TURN_EVENTS = [
    ["message.received", "Sum it up"],
    ["plan.update", ""],
    ["thought", "Working on: Sum it up"],
    ["tool.start", ""],
    ["tool.result", ""],
    ["text", "Without tax: 22.40 EUR. "],
    ["message.received", "19"],
    ["sandbox.snapshot", ""],
    ["text", "With 19 % tax: 26.66 EUR."],
    ["task.completed", ""],
]
TURN_RESULT = {
    "text": "Without tax: 22.40 EUR. With 19 % tax: 26.66 EUR.",
    "plan": ["Read the file", "Hear the rate", "Answer"],
    "files": ["total.txt"],
}

SERVER = """
import { once } from "node:events";
import { Emulator } from "sessionwire";
import { shopAgent } from "./examples/node/agent.mjs";
import { digestAgent } from "./examples/node/turn-agent.mjs";

const emulator = await Emulator.start({ agent: shopAgent, turnAgent: digestAgent });
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


TURN_CLIENT = """
import { Raccoon } from "sessionwire";

const [baseUrl, apiKey, content] = process.argv.slice(1);
const client = new Raccoon({ baseUrl, apiKey });
const session = client.session();
const prices = await session.upload(Buffer.from(content), { name: "prices.txt" });
const turn = await session.startTurn("Sum it up", { files: [prices] });
const events = [];
for await (const event of turn) {
  const told = ["message.received", "thought", "text"].includes(event.type);
  events.push([event.type, told ? event.text : ""]);
  if (event.text.includes("Without tax")) await turn.sendMessage("19");
}
const { text, plan, files } = await turn.result();
const result = { text, plan: plan.map((todo) => todo.content), files: Object.keys(files) };
console.log(JSON.stringify({ events, result }));
await client.close();
"""


def node(program: str, *args: str) -> list[str]:
    return ["node", "--input-type=module", "-e", program, "--", *args]


@contextmanager
def agents_in_node() -> Iterator[dict[str, Any]]:
    with subprocess.Popen(
        node(SERVER), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        yield {"base_url": where["url"], "api_key": where["key"]}
        process.communicate(timeout=30)
        assert process.returncode == 0


def test_a_node_agent_is_driven_by_the_python_client() -> None:
    with (
        agents_in_node() as where,
        Agi(**where) as client,
        client.sessions.create() as session,
    ):
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


def test_a_node_agent_for_turns_is_driven_by_the_python_client() -> None:
    with agents_in_node() as where, Raccoon(**where) as client:
        session = client.session()
        prices = session.upload(FILE.encode(), name="prices.txt")
        for _ in range(2):
            with session.start_turn("Sum it up", files=[prices]) as turn:
                events = []
                for event in turn:
                    told = event.kind in ("message.received", "thought", "text")
                    events.append([event.kind, event.text if told else ""])
                    if "Without tax" in event.text:
                        turn.send_message("19")
                result = turn.result()
            assert events == TURN_EVENTS
            assert {
                "text": result.text,
                "plan": [todo["content"] for todo in result.plan],
                "files": list(result.files),
            } == TURN_RESULT


def test_a_python_agent_for_turns_is_driven_by_the_node_client() -> None:
    example = runpy.run_path(str(ROOT / "examples" / "python" / "turn_agent.py"))
    with Emulator(turn_agent=example["digest_agent"]) as emulator:
        done = subprocess.run(
            node(TURN_CLIENT, emulator.raccoon_url, emulator.api_key, FILE),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout) == {"events": TURN_EVENTS, "result": TURN_RESULT}
