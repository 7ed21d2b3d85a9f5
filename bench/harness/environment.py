"""Where the clients live: `.bench/` at the root of the repository, built on demand."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import BenchError, run
from harness.plan import Client, Language

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
HOME = ROOT / ".bench"


@dataclass(frozen=True)
class Environment:
    """The interpreters with the clients in them, and the wheel that was installed."""

    python: Path
    runtimes: dict[Language, str] = field(default_factory=dict)
    versions: dict[tuple[Language, str], str] = field(default_factory=dict)
    wheel: Path | None = None

    def command(self, language: Language, client: Client) -> list[str | Path]:
        """How to start a client."""
        if language == "python":
            return [self.python, BENCH / "clients" / "python" / client.program]
        return ["node", HOME / "node" / "clients" / client.program]

    def version(self, language: Language, client: Client) -> str:
        """The installed version of the package that the client stands for."""
        return self.versions.get((language, client.package), "?")


def prepare(languages: set[Language], *, python: str, ours: bool, build: bool) -> Environment:
    """Install what the chosen suites need, and only what changed since the last time."""
    HOME.mkdir(exist_ok=True)
    versions: dict[tuple[Language, str], str] = {}
    runtimes: dict[Language, str] = {}
    wheel: Path | None = None
    interpreter = Path(sys.executable)
    if "python" in languages:
        interpreter = _python_peers(python)
        code = "import platform; print(platform.python_version())"
        runtimes["python"] = run([interpreter, "-c", code], cwd=HOME).strip()
        if ours:
            wheel = _product("wheel", "sessionwire-*.whl", build)
            _install_wheel(interpreter, wheel)
        installed = json.loads(run([interpreter, "-m", "pip", "list", "--format=json"], cwd=HOME))
        versions |= {("python", each["name"]): each["version"] for each in installed}
    if "node" in languages:
        folder = _node_peers()
        runtimes["node"] = run(["node", "--version"], cwd=HOME).strip().lstrip("v")
        if ours:
            _install_package(folder, _product("npm-pack", "sessionwire-*.tgz", build))
        for manifest in sorted((folder / "node_modules").glob("*/package.json")):
            described = json.loads(manifest.read_text())
            versions["node", described["name"]] = described["version"]
    return Environment(interpreter, runtimes, versions, wheel)


def build_load_server() -> Path:
    """Build the load server and give its path."""
    print("building the load server", flush=True)
    told = run(
        [
            "cargo",
            "build",
            "--release",
            "--package=sessionwire-bench-load",
            "--message-format=json",
        ],
        cwd=ROOT,
    )
    for line in told.splitlines():
        message = json.loads(line)
        if message.get("executable"):
            return Path(message["executable"])
    raise BenchError(
        "cargo built no load server: run cargo build -p sessionwire-bench-load to see why"
    )


def _python_peers(python: str) -> Path:
    version = run(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], cwd=HOME
    ).strip()
    folder = HOME / f"python{version}"
    interpreter = folder / "bin" / "python"
    wanted = BENCH / "requirements.txt"
    stamp = folder / "peers.sha256"
    if _changed(stamp, wanted):
        print(f"installing the Python peers into {folder.relative_to(ROOT)}", flush=True)
        run([python, "-m", "venv", "--clear", folder], cwd=HOME)
        run(
            [interpreter, "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", wanted],
            cwd=HOME,
        )
        run([interpreter, "-m", "pip", "check"], cwd=HOME)
        _remember(stamp, wanted)
    return interpreter


def _node_peers() -> Path:
    folder = HOME / "node"
    lock = BENCH / "node" / "package-lock.json"
    stamp = folder / "peers.sha256"
    if _changed(stamp, lock):
        print(f"installing the Node peers into {folder.relative_to(ROOT)}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(BENCH / "node" / name, folder)
        run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder)
        _remember(stamp, lock)
    # Node looks for packages from where the program lies.
    shutil.copytree(BENCH / "clients" / "node", folder / "clients", dirs_exist_ok=True)
    return folder


def _product(make_target: str, pattern: str, build: bool) -> Path:
    if build:
        print(f"building our package: make {make_target}", flush=True)
        run(["make", make_target], cwd=ROOT)
    found = sorted((ROOT / "dist").glob(pattern), key=lambda path: path.stat().st_mtime)
    if not found:
        raise BenchError(
            f"there is no dist/{pattern}: run make {make_target}, "
            "or measure the others with --peers-only"
        )
    return found[-1]


def _install_wheel(interpreter: Path, wheel: Path) -> None:
    stamp = interpreter.parent.parent / "ours.sha256"
    if _changed(stamp, wheel):
        options = ["--quiet", "--no-deps", "--no-index", "--force-reinstall"]
        run([interpreter, "-m", "pip", "install", *options, wheel], cwd=HOME)
        _remember(stamp, wheel)


def _install_package(folder: Path, tarball: Path) -> None:
    stamp = folder / "ours.sha256"
    if _changed(stamp, tarball):
        run(
            [
                "npm",
                "install",
                "--no-save",
                "--no-package-lock",
                "--no-audit",
                "--no-fund",
                tarball,
            ],
            cwd=folder,
        )
        _remember(stamp, tarball)


def _changed(stamp: Path, source: Path) -> bool:
    return not stamp.exists() or stamp.read_text() != _digest(source)


def _remember(stamp: Path, source: Path) -> None:
    stamp.write_text(_digest(source))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
