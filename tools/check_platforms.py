"""Type-checks, with clippy, what is built for Windows and macOS, on any machine: each crate that is
in a package, for the targets of the npm package's table that are no Linux. Nothing is linked, and
nothing runs.

Usage: check_platforms.py FOLDER [TARGET...]. FOLDER: where zig is installed, which compiles
the C of `ring`.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CRATES = (
    "sessionwire",
    "sessionwire-emulator",
    "sessionwire-cli",
    "sessionwire-python",
    "sessionwire-node",
    "sessionwire-features",
)
# What zig calls the targets. Its headers of Windows are those of MinGW, which do for a check.
ZIG = {
    "aarch64-apple-darwin": ("aarch64-macos", "ar"),
    "x86_64-apple-darwin": ("x86_64-macos", "ar"),
    "x86_64-pc-windows-msvc": ("x86_64-windows-gnu", "lib"),
}


def main(folder: str, *only: str) -> int:
    bin_dir = Path(folder).resolve() / "bin"
    targets = only or tuple(target for target in released() if "linux" not in target)
    failed = []
    for target in targets:
        print(f"== {target}", flush=True)
        if not installed(target):
            added = subprocess.run(["rustup", "target", "add", target], cwd=ROOT)
            if added.returncode != 0:
                failed.append(f"{target}: rustup has no standard library for it")
                continue
        command = ["cargo", "clippy", "--quiet", "--locked", "--target", target]
        for crate in CRATES:
            command += ["-p", crate]
        env = {**os.environ, **compilers(bin_dir, target), "PYO3_NO_PYTHON": "1"}
        if subprocess.run([*command, "--", "-D", "warnings"], cwd=ROOT, env=env).returncode != 0:
            failed.append(f"{target}: it does not compile")
    for reason in failed:
        print(reason, file=sys.stderr)
    print(f"{len(targets) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def released() -> list[str]:
    """The targets that the packages are built for."""
    listed: list[str] = json.loads((ROOT / "package.json").read_text())["napi"]["targets"]
    return listed


def installed(target: str) -> bool:
    rustc = ["rustc", "--print", "target-libdir", "--target", target]
    asked = subprocess.run(rustc, cwd=ROOT, capture_output=True, text=True)
    return asked.returncode == 0 and Path(asked.stdout.strip()).is_dir()


def compilers(bin_dir: Path, target: str) -> dict[str, str]:
    """What build scripts compile C with for a target."""
    zig, archiver = ZIG[target]
    python = bin_dir / "python"
    # The target that `cc` adds is one that zig does not know.
    wrapper = bin_dir / f"cc-{target}"
    wrapper.write_text(
        "#!/usr/bin/env bash\n"
        "arguments=()\n"
        'for argument in "$@"; do\n'
        '  case $argument in --target=*) ;; *) arguments+=("$argument") ;; esac\n'
        "done\n"
        f'exec {shlex.quote(str(python))} -m ziglang cc -target {zig} "${{arguments[@]}}"\n'
    )
    wrapper.chmod(0o755)
    name = target.replace("-", "_")
    return {f"CC_{name}": str(wrapper), f"AR_{name}": f"{python} -m ziglang {archiver}"}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
