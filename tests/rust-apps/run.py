"""Builds the applications of this folder and runs each against a TLS server on loopback."""

import os
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

HERE = Path(__file__).parent
CERTIFICATES = HERE.parent / "certificates"
APPLICATIONS = ("rustls-defaults", "own-reqwest", "ring")
WANTED = ["/v1/sessions", "/own", "/v1/sessions"]


class Service(BaseHTTPRequestHandler):
    """Answers everything with an empty list, and notes what it was asked for."""

    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the output to what the applications say."""


def serve() -> int:
    """Starts the server; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "localhost.pem", CERTIFICATES / "localhost.key")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def main() -> int:
    """Runs every application; 1 where one fails."""
    authority = str(CERTIFICATES / "ca.pem")
    environment = {
        name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
    }
    runtime = environment | {
        "TLS_PORT": str(serve()),
        "TLS_CA_FILE": authority,
        "SSL_CERT_FILE": authority,
    }
    failed = []
    for name in APPLICATIONS:
        cargo = ["--quiet", "--locked", "--manifest-path", str(HERE / name / "Cargo.toml")]
        # Built apart: only the program itself trusts nothing but our authority.
        subprocess.run(["cargo", "build", *cargo], check=True)
        Service.seen.clear()
        status = subprocess.run(["cargo", "run", "--offline", *cargo], env=runtime).returncode
        passed = status == 0 and Service.seen == WANTED
        print(f"{'passed' if passed else 'FAILED'}  {name}  {' '.join(Service.seen)}")
        if not passed:
            failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
