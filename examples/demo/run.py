"""The demo: one real task, live, in every language, on the embedded emulator.

Serves a small shop, lets an agent read it through each client, and checks that the result holds
the shop's prices.
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


def run(name: str, command: list[str], url: str) -> bool:
    """Runs one client, shows its lines as they come, and checks the last one."""
    print(f"\n== {name}", flush=True)
    last = ""
    events = 0
    with subprocess.Popen([*command, url], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line
            events += 1
    if process.returncode != 0:
        print(f"FAILED: exit status {process.returncode}")
        return False
    data = json.loads(last)
    # The command line wraps the result in its own last line.
    found = {item["price"] for item in data.get("data", data)["prices"]}
    if not found >= PRICES:
        print(f"FAILED: the result lacks {sorted(PRICES - found)}")
        return False
    print(f"   found the prices {', '.join(sorted(found))}; {events - 1} live events")
    return events > 1


def main() -> int:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    print(f"The shop is open at {url}")
    failed = [name for name, command in RUNS if not run(name, command, url)]
    server.shutdown()
    print(f"\n{len(RUNS) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
