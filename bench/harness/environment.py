"""Where the clients live: `.bench/` at the root of the repository, built on demand."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import BenchError, run
from harness.plan import ALONE, BEFORE, Client, Language

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
HOME = ROOT / ".bench"


@dataclass(frozen=True)
class Environment:
    """The interpreters with the clients in them, and the wheel that was installed."""

    python: Path
    node: str = "node"
    # An interpreter and a folder for Node with another package of ours, by language.
    before: dict[Language, Path] = field(default_factory=dict)
    runtimes: dict[Language, str] = field(default_factory=dict)
    versions: dict[tuple[Language, str], str] = field(default_factory=dict)
    wheel: Path | None = None
    # The program of the load server, which is a client too.
    load_server: Path | None = None

    def command(
        self, language: Language, client: Client, *, node_options: Sequence[str] = ()
    ) -> list[str | Path]:
        """How to start a client."""
        program, *arguments = client.program.split()
        if client.name == ALONE:
            if self.load_server is None:
                raise BenchError("there is no load server")
            return [self.load_server, program, *arguments]
        before = client.name == BEFORE
        if language == "python":
            python = self.before["python"] if before else self.python
            return [python, BENCH / "clients" / "python" / program, *arguments]
        folder = self.before["node"] if before else HOME / "node"
        return [self.node, *node_options, folder / "clients" / program, *arguments]

    def version(self, language: Language, client: Client) -> str:
        """The installed version of the package that the client stands for."""
        return self.versions.get((language, client.package), "?")

    def clients(
        self, language: Language, ours: Client, peers: tuple[Client, ...], *, peers_only: bool
    ) -> list[Client]:
        """Who runs: ours, what it was before, the peers."""
        first = [] if peers_only else [ours]
        return [*first, *([ours.before] if language in self.before else []), *peers]


@dataclass(frozen=True)
class Wanted:
    """What to measure with, and what."""

    python: str
    node: str
    ours: bool
    build: bool
    # A wheel, a tarball, or folders that hold them: what ours was before.
    before: list[Path]


def prepare(languages: set[Language], wanted: Wanted) -> Environment:
    """Install what the chosen suites need, and only what changed since the last time."""
    HOME.mkdir(exist_ok=True)
    versions: dict[tuple[Language, str], str] = {}
    runtimes: dict[Language, str] = {}
    before: dict[Language, Path] = {}
    wheel: Path | None = None
    interpreter = Path(sys.executable)
    if "python" in languages:
        interpreter = _python_peers(wanted.python)
        code = "import platform; print(platform.python_version())"
        runtimes["python"] = run([interpreter, "-c", code], cwd=HOME).strip()
        if wanted.ours:
            wheel = _product("wheel", "sessionwire-*.whl", wanted.build)
            _install_wheel(interpreter, wheel)
        installed = json.loads(run([interpreter, "-m", "pip", "list", "--format=json"], cwd=HOME))
        versions |= {("python", each["name"]): each["version"] for each in installed}
        if (other := _found(wanted.before, "sessionwire-*.whl")) is not None:
            before["python"] = _python_before(wanted.python, other)
    if "node" in languages:
        folder = _node_peers()
        told = run([wanted.node, "--version"], cwd=HOME).strip().lstrip("v")
        runtimes["node"] = versions["node", "node"] = told
        if wanted.ours:
            _install_package(folder, _product("npm-pack", "sessionwire-[0-9]*.tgz", wanted.build))
        for manifest in (folder / "node_modules").glob("*/package.json"):
            versions["node", manifest.parent.name] = json.loads(manifest.read_text())["version"]
        # As clients/node/undici_of_node.mjs decides.
        if tuple(map(int, told.split(".")[:2])) < (22, 19):
            versions["node", "undici"] = versions["node", "undici-7"]
        if (other := _found(wanted.before, "sessionwire-[0-9]*.tgz")) is not None:
            before["node"] = _node_before(other)
    missing = languages - before.keys() if wanted.before else set()
    if missing:
        raise BenchError(
            f"no package of before for: {', '.join(sorted(missing))}. Name one more with --before, "
            "or leave its suites out with --only"
        )
    for language in languages:
        versions[language, "reqwest"] = _locked("reqwest")
    return Environment(interpreter, wanted.node, before, runtimes, versions, wheel)


def _locked(crate: str) -> str:
    """The version of a crate that the lock file names."""
    packages = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    return next(str(each["version"]) for each in packages if each["name"] == crate)


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
    _copy_clients(folder)
    return folder


def _copy_clients(folder: Path) -> None:
    # Node looks for packages from where the program lies.
    shutil.copytree(BENCH / "clients" / "node", folder / "clients", dirs_exist_ok=True)


def _python_before(python: str, wheel: Path) -> Path:
    folder = HOME / "before" / "python"
    interpreter = folder / "bin" / "python"
    if not interpreter.exists():
        run([python, "-m", "venv", "--clear", folder], cwd=HOME)
    _install_wheel(interpreter, wheel)
    return interpreter


def _node_before(tarball: Path) -> Path:
    folder = HOME / "before" / "node"
    folder.mkdir(parents=True, exist_ok=True)
    _copy_clients(folder)
    # Its peers are not measured a second time: no more than our package is needed.
    (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
    _install_package(folder, tarball)
    return folder


def _found(places: list[Path], pattern: str) -> Path | None:
    for place in places:
        if place.is_file() and place.match(pattern):
            return place
        for folder in (place, place / "dist"):
            if found := sorted(folder.glob(pattern)):
                return found[-1]
    return None


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
    """Install the main package, and that of the platform, which lies beside it since it is one."""
    version = tarball.name.removeprefix("sessionwire-")
    tarballs = [tarball, *sorted(tarball.parent.glob(f"sessionwire-[a-z]*-{version}"))]
    stamp = folder / "ours.sha256"
    if _changed(stamp, *tarballs):
        run(
            [
                "npm",
                "install",
                "--no-save",
                "--no-package-lock",
                "--no-audit",
                "--no-fund",
                *tarballs,
            ],
            cwd=folder,
        )
        _remember(stamp, *tarballs)


def _changed(stamp: Path, *sources: Path) -> bool:
    return not stamp.exists() or stamp.read_text() != _digest(*sources)


def _remember(stamp: Path, *sources: Path) -> None:
    stamp.write_text(_digest(*sources))


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
