"""Publishing goes on where it stopped: tools/publish.py, with a program in place of npm."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NEXT = "7.8.9"

# A registry is a file with the names that it has. The program fails for a name in `refused`; it
# takes one in `mumbled`, and says that it failed.
REGISTRY = """#!{python}
import pathlib, sys
folder, words = pathlib.Path({folder!r}), sys.argv[1:]
has = lambda name: set((folder / name).read_text().split())
if words[0] == "--version":
    print((folder / "version").read_text())
elif words[0] in ("info", "view"):
    name = next(word for word in words if "@" in word)
    print(name.split("@")[1] if name in has("has") else "")
    sys.exit(name not in has("has") and words[0] == "info")
elif words[0] == "publish":
    with (folder / "options").open("a") as options:
        print(*[word for word in words if "/" not in word], file=options)
    name = next(word for word in has("known") if word.split("@")[0] == words[-1] or
                any(pathlib.Path(w).name == word.replace("@", "-") + ".tgz" for w in words))
    with (folder / "log").open("a") as log:
        log.write(name + "\\n")
    if name in has("has") or name in has("refused"):
        sys.exit(f"{{name}}: refused")
    with (folder / "has").open("a") as out:
        out.write(name + "\\n")
    sys.exit(name in has("mumbled"))
"""


class Registry:
    def __init__(self, folder: Path, program: str, known: list[str]) -> None:
        self.folder = folder / "registry"
        self.folder.mkdir()
        (self.folder / program).write_text(
            REGISTRY.format(python=sys.executable, folder=str(self.folder))
        )
        (self.folder / program).chmod(0o755)
        for name in ("has", "refused", "mumbled", "log", "options"):
            self.put(name)
        self.put("known", *known)
        self.put("version", "11.5.1")

    def put(self, name: str, *lines: str) -> None:
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines))

    def get(self, name: str) -> list[str]:
        return (self.folder / name).read_text().split()

    def publish(self, *words: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [sys.executable, str(ROOT / "tools/publish.py"), *words],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )


PLATFORMS = ["sessionwire-darwin-arm64", "sessionwire-linux-x64-gnu"]
NPM = [f"{name}@{NEXT}" for name in [*PLATFORMS, "sessionwire"]]


def tarball(folder: Path, name: str, version: str = NEXT) -> None:
    told: dict[str, object] = {"name": name, "version": version}
    if name == "sessionwire":
        told["optionalDependencies"] = dict.fromkeys(PLATFORMS, version)
    content = json.dumps(told).encode()
    with tarfile.open(folder / f"{name}-{version}.tgz", "w:gz") as archive:
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))


@pytest.fixture
def npm(tmp_path: Path) -> Registry:
    for name in [*PLATFORMS, "sessionwire"]:
        tarball(tmp_path, name)
    return Registry(tmp_path, "npm", NPM)


def test_the_main_npm_package_comes_after_its_platforms(npm: Registry, tmp_path: Path) -> None:
    done = npm.publish("npm", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert npm.get("log") == NPM


def test_a_publication_that_stopped_goes_on_where_it_stopped(npm: Registry, tmp_path: Path) -> None:
    npm.put("refused", NPM[1])
    done = npm.publish("npm", str(tmp_path))
    assert done.returncode == 1
    assert f"Not published: {PLATFORMS[1]} {NEXT}, sessionwire {NEXT}." in done.stderr
    assert npm.get("has") == NPM[:1]
    npm.put("refused")
    npm.put("log")
    assert npm.publish("npm", str(tmp_path)).returncode == 0
    assert npm.get("log") == NPM[1:]
    npm.put("log")
    assert npm.publish("npm", str(tmp_path)).returncode == 0
    assert npm.get("log") == []


def test_what_the_registry_took_with_an_error_is_published(npm: Registry, tmp_path: Path) -> None:
    npm.put("mumbled", NPM[0])
    assert npm.publish("npm", str(tmp_path)).returncode == 0
    assert npm.get("has") == NPM


def test_a_missing_platform_publishes_nothing(npm: Registry, tmp_path: Path) -> None:
    (tmp_path / f"{PLATFORMS[0]}-{NEXT}.tgz").unlink()
    done = npm.publish("npm", str(tmp_path))
    assert done.returncode == 1
    assert "npm run pack -- --all" in done.stderr
    assert npm.get("log") == []


def test_a_platform_of_another_version_publishes_nothing(npm: Registry, tmp_path: Path) -> None:
    (tmp_path / f"{PLATFORMS[0]}-{NEXT}.tgz").unlink()
    tarball(tmp_path, PLATFORMS[0], "7.8.8")
    assert npm.publish("npm", str(tmp_path)).returncode == 1
    assert npm.get("log") == []


def test_an_npm_without_trusted_publishing_is_refused(npm: Registry, tmp_path: Path) -> None:
    npm.put("version", "10.9.4")
    done = npm.publish("npm", str(tmp_path))
    assert done.returncode == 1
    assert "npm 10.9.4 knows no trusted publishing. Use 11.5.1 or newer" in done.stderr
    assert npm.get("log") == []


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], "publish --access public --tag latest --provenance"),
        (["--by-hand"], "publish --access public --tag latest"),
    ],
    ids=["workflow", "by hand"],
)
def test_the_first_version_can_go_out_by_hand(
    npm: Registry, tmp_path: Path, words: list[str], options: str
) -> None:
    assert npm.publish("npm", str(tmp_path), *words).returncode == 0
    assert (npm.folder / "options").read_text().splitlines() == [options] * len(NPM)


def test_crates_go_out_after_those_that_they_need() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/publish.py"), "crates", "--plan"],
        capture_output=True,
        text=True,
        check=True,
    )
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    order = ["sessionwire", "sessionwire-emulator", "sessionwire-cli"]
    assert done.stdout.splitlines() == [f"{name} {version}" for name in order]
