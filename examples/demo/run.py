"""The demo: one real task and one turn, live, in every language, on the embedded emulator.

Serves a small shop, lets an agent read it through each client, and checks that the result holds
the shop's prices. Then a turn of Raccoon gets the shop's page as a file.
"""

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PRICES = {"12.50", "89.00", "7.95"}

TASK = "List the prices on this page"
RUNS: list[tuple[str, list[str]]] = [
    ("Python", [sys.executable, str(HERE / "task_sync.py")]),
    ("Python, asyncio", [sys.executable, str(HERE / "task_async.py")]),
    ("Node", ["node", str(HERE / "task.mjs")]),
    (
        "Command line",
        [str(TARGET / "debug" / "sessionwire"), "run", TASK, "--local", "--json", "--start-url"],
    ),
]

PROMPT = "What is in the file?"
FILE = "examples/demo/shop.html"
TURNS: list[tuple[str, list[str]]] = [
    ("Python, a turn", [sys.executable, str(HERE / "turn_sync.py"), FILE, PROMPT]),
    ("Python, asyncio, a turn", [sys.executable, str(HERE / "turn_async.py"), FILE, PROMPT]),
    ("Node, a turn", ["node", str(HERE / "turn.mjs"), FILE, PROMPT]),
    (
        "Command line, a turn",
        [
            str(TARGET / "debug" / "sessionwire"),
            *("turn", PROMPT, "--file", FILE, "--mode", "deepsearch", "--local", "--json"),
        ],
    ),
]


class Shop(http.server.BaseHTTPRequestHandler):
    """Answers every path with the shop's page."""

    def do_GET(self) -> None:
        page = (HERE / "shop.html").read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the output belongs to the tasks."""


def lines_of(name: str, command: list[str]) -> list[str] | None:
    """Runs one client, shows its lines as they come, and gives them if it ended well."""
    print(f"\n== {name}", flush=True)
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode != 0:
        print(f"FAILED: exit status {process.returncode}")
        return None
    return lines


def run(name: str, command: list[str], url: str) -> bool:
    """Runs a task and checks its last line."""
    lines = lines_of(name, [*command, url])
    if lines is None:
        return False
    events = len(lines)
    data = json.loads(lines[-1])
    # The command line wraps the result in its own last line.
    found = {item["price"] for item in data.get("data", data)["prices"]}
    if not found >= PRICES:
        print(f"FAILED: the result lacks {sorted(PRICES - found)}")
        return False
    print(f"   found the prices {', '.join(sorted(found))}; {events - 1} live events")
    return events > 1


def run_turn(name: str, command: list[str]) -> bool:
    """Runs a turn and checks its last line."""
    lines = lines_of(name, command)
    if lines is None:
        return False
    result = json.loads(lines[-1])
    kinds = ("thought", "tool.start", "tool.result", "plan.update", "sandbox.snapshot", "text")
    lacking = [kind for kind in kinds if not any(kind in line for line in lines[:-1])]
    done = all(todo["status"] == "completed" for todo in result["plan"])
    if lacking or "shop.html is text/html" not in result["text"] or not result["files"] or not done:
        print(f"FAILED: lacking events {lacking}, or the result is not that of the file")
        return False
    print(f"   read the file; {len(lines) - 1} live events, a plan of {len(result['plan'])} steps")
    return True


def main() -> int:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    print(f"The shop is open at {url}")
    failed = [name for name, command in RUNS if not run(name, command, url)]
    server.shutdown()
    failed += [name for name, command in TURNS if not run_turn(name, command)]
    print(f"\n{len(RUNS) + len(TURNS) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
