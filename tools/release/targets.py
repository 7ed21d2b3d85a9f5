"""The platforms of a release, and what its artefacts for each are called."""

from __future__ import annotations

import platform
from dataclasses import dataclass

#: The oldest C library that Rust's standard library runs on.
GLIBC = "2.17"


@dataclass(frozen=True)
class Target:
    """A platform."""

    #: Rust's name.
    triple: str
    #: The tag of its wheel: what `maturin --compatibility` takes. None: maturin knows it.
    compatibility: str | None
    #: npm's name, as in `bindings-node/scripts/platforms.mjs`.
    npm: str
    #: Whether there is a program of its own: on Linux the static one serves every system.
    program: bool = True

    @property
    def linux(self) -> bool:
        return "-linux-" in self.triple

    @property
    def musl(self) -> bool:
        return self.triple.endswith("-musl")

    @property
    def native(self) -> bool:
        """Whether Rust's own linker serves, which keeps functions of the same code once (5 %)."""
        return (
            self.triple == "x86_64-unknown-linux-gnu" == f"{platform.machine()}-unknown-linux-gnu"
        )

    @property
    def for_zig(self) -> str:
        """The name with the oldest C library."""
        return f"{self.triple}.{GLIBC}" if self.triple.endswith("-linux-gnu") else self.triple


TARGETS = {
    target.triple: target
    for target in (
        Target("x86_64-unknown-linux-gnu", "manylinux_2_17", "linux-x64-gnu", program=False),
        Target("aarch64-unknown-linux-gnu", "manylinux_2_17", "linux-arm64-gnu", program=False),
        Target("x86_64-unknown-linux-musl", "musllinux_1_2", "linux-x64-musl"),
        Target("aarch64-unknown-linux-musl", "musllinux_1_2", "linux-arm64-musl"),
        Target("x86_64-apple-darwin", None, "darwin-x64"),
        Target("aarch64-apple-darwin", None, "darwin-arm64"),
        Target("x86_64-pc-windows-msvc", None, "win32-x64-msvc"),
    )
}
