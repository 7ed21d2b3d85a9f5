"""What must hold of the artefacts of a release before anyone may install them."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from artefacts import DOCUMENTS, ROOT, version
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

#: The bound that the project promises, in bytes, and that of what zig links.
LARGEST_WHEEL = 8_000_000
LARGEST_BY_ZIG = 8 * 1024 * 1024
#: Folders that only a machine of a build has, and those of this one.
PLACES = ("/home/", "/root/", "/Users/", "/tmp/", f"{Path.home()}/", f"{ROOT}/")
FOREIGN = re.compile(rf"(?:{'|'.join(map(re.escape, PLACES))})[\w./-]*".encode())


class Failed(Exception):
    """An artefact is not fit to be published."""


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """The files of an archive."""
    if path.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(path) as packed:
            for name in packed.namelist():
                yield name, packed.read(name)
    else:
        with tarfile.open(path) as packed_tar:
            for entry in packed_tar:
                if (file := packed_tar.extractfile(entry)) is not None:
                    yield entry.name, file.read()


def no_paths(path: Path) -> None:
    """Nothing in it names a folder of the machine that built it."""
    for name, content in contents(path):
        # Texts may speak of such folders: it is programs and lists that must not.
        if name.endswith((".md", ".py", ".pyi", ".txt", ".rs", ".js", ".mjs", ".ts", ".mts")):
            continue
        if found := {match.decode() for match in FOREIGN.findall(content)}:
            raise Failed(f"{path.name}: {name} names {sorted(found)[:5]}")


def licences(path: Path) -> None:
    """Ours, and those of all that is linked."""
    names = [name for name, _ in contents(path)]
    for document in DOCUMENTS:
        if not any(name.endswith(f"/{document}") for name in names):
            raise Failed(f"{path.name} lacks {document}")


def bill(path: Path) -> None:
    """A bill of materials that is one."""
    found = [(name, content) for name, content in contents(path) if name.endswith(".cdx.json")]
    if len(found) != 1:
        raise Failed(f"{path.name} has {len(found)} bills of materials, and not one")
    if wrong := JsonStrictValidator(SchemaVersion.V1_5).validate_str(found[0][1].decode()):
        raise Failed(f"{path.name}: {found[0][0]} is no CycloneDX 1.5: {wrong}")
    print(f"  {len(json.loads(found[0][1])['components'])} crates in {found[0][0]}")


def libraries(content: bytes) -> tuple[list[str], dict[str, list[str]]]:
    """What an ELF file needs: libraries, and versions of their symbols, by library."""
    import io

    elf = ELFFile(io.BytesIO(content))
    dynamic = elf.get_section_by_name(".dynamic")
    needed = (
        [tag.needed for tag in dynamic.iter_tags() if tag.entry.d_tag == "DT_NEEDED"]
        if dynamic
        else []
    )
    versions: dict[str, list[str]] = {}
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for library, wanted in section.iter_versions():
                versions[library.name] = [each.name for each in wanted]
    return needed, versions


def newest_glibc(content: bytes) -> tuple[int, ...]:
    """The newest version of a symbol of glibc that an ELF file asks for."""
    _, versions = libraries(content)
    numbers = [
        tuple(int(part) for part in name.removeprefix("GLIBC_").split("."))
        for names in versions.values()
        for name in names
        if re.fullmatch(r"GLIBC_[\d.]+", name)
    ]
    return max(numbers, default=(0,))


def symbols(path: Path, tag: str) -> None:
    """An ELF file of an archive runs where its tag says."""
    for name, content in contents(path):
        if not content.startswith(b"\x7fELF"):
            continue
        needed, _ = libraries(content)
        newest = newest_glibc(content)
        if "manylinux_2_17" in tag and newest > (2, 17):
            raise Failed(f"{path.name}: {name} needs glibc {newest}, and its tag says 2.17")
        if "musl" in tag and newest != (0,):
            raise Failed(f"{path.name}: {name} needs glibc, and its tag says musl")
        shown = ".".join(map(str, newest)) if newest != (0,) else "none"
        print(f"  {name}: needs {', '.join(needed) or 'no library'}; newest glibc symbol: {shown}")


def wheel(path: Path) -> None:
    """A wheel that an index takes: its tag, its symbols, the stable ABI, its size, its record."""
    python, abi, platform = path.stem.split("-")[2:5]
    if (python, abi) != ("cp311", "abi3"):
        raise Failed(f"{path.name} is no cp311-abi3 wheel")
    native = platform.startswith("manylinux") and platform.endswith("x86_64")
    largest = LARGEST_WHEEL if native else LARGEST_BY_ZIG
    if path.stat().st_size > largest:
        raise Failed(f"{path.name} has {path.stat().st_size:,} bytes: {largest:,} at most")
    if platform.startswith("linux_"):
        raise Failed(f"{path.name} carries a tag that the index refuses")
    symbols(path, platform)
    ran([sys.executable, "-m", "abi3audit", "--strict", "--summary", str(path)])
    if "manylinux" in platform:
        # It reads libraries of this platform alone.
        shown = ran([sys.executable, "-m", "auditwheel", "show", str(path)])
        if "manylinux_2_17" not in shown:
            raise Failed(f"{path.name}: auditwheel does not find it fit for 2.17:\n{shown}")


def ran(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def source(path: Path) -> None:
    """A source distribution from which a stranger can build."""
    inside = {name.split("/", 1)[1] for name, _ in contents(path)}
    wanted = {
        "Cargo.lock", "Cargo.toml", "PKG-INFO", "README.md", "pyproject.toml", *DOCUMENTS,
        "bindings-python/python/sessionwire/py.typed", "core/src/lib.rs", "emulator/src/lib.rs",
    }  # fmt: skip
    if missing := wanted - inside:
        raise Failed(f"{path.name} lacks {sorted(missing)}")


def sums(folder: Path) -> str:
    """The checksums of a folder's files, as `sha256sum -c` reads them."""
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files
    )


def check(folder: Path) -> None:
    """All of it."""
    for path in sorted(folder.iterdir()):
        if path.name == "SHA256SUMS":
            continue
        if f"-{version()}" not in path.name and f"_{version()}" not in path.name:
            raise Failed(f"{path.name} is not of version {version()}")
        print(f"{path.name}: {path.stat().st_size:,} bytes", flush=True)
        if path.suffix == ".crate":
            continue
        licences(path)
        if path.name.endswith(".whl"):
            wheel(path)
            bill(path)
            no_paths(path)
        elif path.name == f"sessionwire-{version()}.tar.gz":
            source(path)
        elif path.name.endswith((".tar.gz", ".zip")):
            bill(path)
            symbols(path, path.name)
            no_paths(path)
        elif path.suffix == ".tgz":
            no_paths(path)
