"""Builds the artefacts of a release for one platform: the wheel, the library of the npm package and
the program of the command line. For Linux, on any Linux: zig links, and brings the C library; for
this machine's own platform it brings the C library alone.

Usage: artefacts.py TRIPLE --out FOLDER [--only wheel|library|program]...
       artefacts.py npm --out FOLDER: the npm packages, of the libraries that were built for them
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import bill
from targets import GLIBC, TARGETS, Target

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))
import versions  # noqa: E402

KINDS = ("wheel", "library", "program")
DOCUMENTS = ("LICENSE-MIT", "LICENSE-APACHE", "NOTICE", "THIRD-PARTY-LICENSES")


def version() -> str:
    return versions.source(ROOT)


def epoch() -> int:
    """When the sources were written: a build says it in place of its own time."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    asked = ["git", "log", "-1", "--format=%ct"]
    return int(subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def target_folder() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


def environment(target: Target, *, static: bool) -> dict[str, str]:
    """No path of this machine, no time of this build, the same code once, packed well."""
    env = {name: value for name, value in os.environ.items() if name != "CARGO_BUILD_TARGET"}
    home = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    flags = [f"--remap-path-prefix={home}=cargo", f"--remap-path-prefix={ROOT}=sessionwire"]
    if target.native:
        linked = ("--icf=all", "-O2", "--bp-compression-sort=both")
        flags += [f"-Clink-arg=-Wl,{option}" for option in linked]
        # What runs while it builds is linked without flags, with the libraries of this machine.
        flags.append(f"-Clink-arg=-L{old_libraries()}")
    if target.musl and not static:
        flags.append("-Ctarget-feature=-crt-static")
    env["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags)
    env["CFLAGS"] = f"-ffile-prefix-map={home}=cargo -ffile-prefix-map={ROOT}=sessionwire"
    env["SOURCE_DATE_EPOCH"] = str(epoch())
    return env


def old_libraries() -> Path:
    """The C library as it was: what zig links with, without code, for another linker."""
    folder = target_folder() / f"glibc-{GLIBC}"
    if folder.exists():
        return folder
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "empty.c"
        source.write_text("int empty(void) { return 0; }\n")
        cache = {"ZIG_GLOBAL_CACHE_DIR": place, "ZIG_LOCAL_CACHE_DIR": place}
        asked = ["-target", f"x86_64-linux-gnu.{GLIBC}", "-shared", "-o", f"{place}/x.so"]
        command = [sys.executable, "-m", "ziglang", "cc", *asked, str(source)]
        subprocess.run(command, env={**os.environ, **cache}, check=True)
        made = folder.with_suffix(".new")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        for file in [*Path(place).rglob("*.so.*"), *Path(place).rglob("libc_nonshared.a")]:
            shutil.copy2(file, made)
    for file in list(made.glob("lib*.so.*")):
        name = file.name.split(".so.")[0] + ".so"
        if name == "libc.so":
            parts = f"{file.name} libc_nonshared.a AS_NEEDED ( libld.so.2 )"
            (made / name).write_text(f"GROUP ( {parts} )\n")
        else:
            (made / name).symlink_to(file.name)
    made.rename(folder)
    return folder


def run(command: list[str], env: dict[str, str]) -> None:
    print("$", " ".join(command), flush=True)
    done = subprocess.run(command, cwd=ROOT, env=env)
    if done.returncode:
        sys.exit(f"It failed ({done.returncode}): {' '.join(command)}")


def cargo(target: Target, package: str, *, static: bool = False) -> Path:
    """Builds a package; returns the folder with what came of it."""
    how = ["build", "--target", target.triple]
    if target.linux and not target.native:
        how = ["zigbuild", "--target", target.for_zig]
    command = ["cargo", *how, "--release", "--locked", "-p", package, "-p", "sessionwire-features"]
    run(command, environment(target, static=static))
    return target_folder() / target.triple / "release"


def materials(target: Target, package: str) -> Path:
    env = environment(target, static=False)
    return bill.write(ROOT, package, target.triple, target_folder() / "bill", env)


def wheel(target: Target, out: Path) -> None:
    before = set(out.glob("*.whl"))
    options = ["--release", "--locked", "--target", target.triple, "--out", str(out)]
    if target.linux and not target.native:
        options.append("--zig")
    if target.compatibility:
        options += ["--compatibility", target.compatibility]
    options += ["--sbom-include", str(materials(target, "bindings-python"))]
    run(["maturin", "build", *options], environment(target, static=False))
    for built in set(out.glob("*.whl")) - before:
        run([sys.executable, "tools/pack_wheel.py", str(built)], dict(os.environ))


def library(target: Target) -> None:
    built = cargo(target, "sessionwire-node")
    name = {"apple": "libsessionwire_node.dylib", "pc": "sessionwire_node.dll"}
    made = built / name.get(target.triple.split("-")[1], "libsessionwire_node.so")
    libraries = ROOT / "dist" / "native"
    libraries.mkdir(parents=True, exist_ok=True)
    shutil.copy2(made, libraries / f"sessionwire.{target.npm}.node")
    bill_file = libraries / f"sessionwire.{target.npm}.cdx.json"
    shutil.copy2(materials(target, "bindings-node"), bill_file)


def program(target: Target, out: Path) -> None:
    built = cargo(target, "sessionwire-cli", static=True)
    windows = "-windows-" in target.triple
    name = f"sessionwire-cli-{version()}-{target.triple}"
    files = {f"{name}/{document}": ROOT / document for document in DOCUMENTS}
    files[f"{name}/README.md"] = ROOT / "cli/README.md"
    files[f"{name}/sessionwire.cdx.json"] = materials(target, "cli")
    files[f"{name}/sessionwire{'.exe' if windows else ''}"] = built / (
        "sessionwire.exe" if windows else "sessionwire"
    )
    archive(files, out / f"{name}.{'zip' if windows else 'tar.gz'}")


def archive(files: dict[str, Path], path: Path) -> None:
    """The same files make the same bytes: sorted, of one time, of nobody."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, source in sorted(files.items()):
                packed.writestr(zipfile.ZipInfo(name), source.read_bytes(), zipfile.ZIP_DEFLATED)
        return
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as packed_tar:
        for name, source in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = source.stat().st_size
            entry.mtime = epoch()
            entry.mode = 0o755 if os.access(source, os.X_OK) else 0o644
            with source.open("rb") as content:
                packed_tar.addfile(entry, content)
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packer:
        packer.write(whole.getvalue())


def npm(out: Path) -> None:
    run(["npm", "run", "--silent", "build"], dict(os.environ))
    run(["npm", "run", "--silent", "pack", "--", "--out", str(out)], dict(os.environ))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("triple", choices=[*TARGETS, "npm"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=KINDS, action="append")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    out = asked.out.resolve()
    if asked.triple == "npm":
        npm(out)
        return
    target = TARGETS[asked.triple]
    for kind in asked.only or KINDS:
        if kind == "wheel":
            wheel(target, out)
        elif kind == "library":
            library(target)
        elif target.program:
            program(target, out)


if __name__ == "__main__":
    main()
