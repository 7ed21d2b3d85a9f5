"""Files that a caller gives for a turn, in whatever form."""

from __future__ import annotations

from .._errors import InvalidRequestError
from .models import UploadedFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from .types import GivenFile

_FORMS = (
    "a path, bytes, a file opened in binary mode, a dict with `name` and `content`, or what "
    "`upload` gave"
)
_NEW = ("content", "path", "name", "content_type", "key")
# An uploaded file as it is here, or as the service answers an upload.
_UPLOADED = {
    "key": "key",
    "name": "name",
    "filename": "name",
    "type": "type",
    "content_type": "type",
    "contentType": "type",
    "size": "size",
    "uploaded_at": "uploaded_at",
    "uploadedAt": "uploaded_at",
}


class NewFile:
    """A file that is to be uploaded."""

    __slots__ = ("content", "content_type", "folder", "key", "name")

    def __init__(
        self,
        content: Any,
        *,
        name: str | None = None,
        content_type: str | None = None,
        key: str | None = None,
        folder: str | None = None,
    ) -> None:
        #: A path, bytes, or something to read from.
        self.content = content
        self.name = name
        self.content_type = content_type
        self.key = key
        self.folder = folder

    @property
    def path(self) -> str | None:
        """The file on this machine, if it is one."""
        return self.content if isinstance(self.content, str) else None

    @property
    def plain(self) -> bool:
        """Whether it is a path, and nothing else is said."""
        said = (self.name, self.content_type, self.key, self.folder)
        return self.path is not None and said == (None,) * 4


def given_files(files: Iterable[GivenFile] | None) -> list[NewFile | UploadedFile]:
    """What is given as files; one that can be none is refused, by its place."""
    if files is None:
        return []
    if _is_one(files):
        what = "a text" if isinstance(files, str) else f"one file, a {type(files).__name__}"
        raise InvalidRequestError(
            f"`files` is {what}. Pass a list of files, such as [{_cut(files)}]."
        )
    try:
        members = list(files)
    except TypeError:
        raise InvalidRequestError(
            f"`files` must be a list of files, not {_cut(files)}. Pass one such as ['report.pdf']."
        ) from None
    given = [_given(f"files[{at}]", file) for at, file in enumerate(members)]
    seen: dict[int, int] = {}
    for at, file in enumerate(given):
        if isinstance(file, NewFile) and hasattr(file.content, "read"):
            first = seen.setdefault(id(file.content), at)
            if first != at:
                raise InvalidRequestError(
                    f"`files[{at}]` is the open file of `files[{first}]`, which is read once. "
                    "Leave it out, or pass its path or its bytes."
                )
    return given


def uploaded_files(files: Iterable[UploadedFile | Mapping[str, Any]]) -> list[Any]:
    """Files that were uploaded, as the core takes them: a message uploads none."""
    given = given_files(files)
    for at, file in enumerate(given):
        if isinstance(file, NewFile):
            raise InvalidRequestError(
                f"`files[{at}]` was not uploaded. Upload it first, and pass what `upload` gave."
            )
    return [file._fields() for file in given if isinstance(file, UploadedFile)]


def _given(name: str, file: Any) -> NewFile | UploadedFile:
    if isinstance(file, UploadedFile):
        return file
    if _is_mapping(file):
        return _described(name, file)
    content = _content(file)
    if content is None:
        raise InvalidRequestError(f"`{name}` must be {_FORMS}, not {_cut(file)}.")
    refuse_unreadable(name, content)
    return NewFile(content)


def _described(name: str, file: Mapping[Any, Any]) -> NewFile | UploadedFile:
    """A file that a dict describes."""
    if "content" not in file and "path" not in file:
        if "key" not in file:
            raise InvalidRequestError(
                f"`{name}` is a dict without `content`, `path` and `key`. A new file has `name` "
                "and `content`, or `path`; one that was uploaded has its `key`."
            )
        for field in file:
            _known(name, field, _UPLOADED)
        fields = {_UPLOADED[field]: value for field, value in file.items() if value is not None}
        for field, kind in (("key", str), ("name", str), ("type", str), ("size", int)):
            _check(f"{name}.{field}", fields.get(field, kind()), kind)
        return UploadedFile(**fields)
    for field in file:
        _known(name, field, _NEW)
    if "content" in file and "path" in file:
        raise InvalidRequestError(f"`{name}` has both `content` and `path`. Give one of them.")
    for field in ("name", "content_type", "key"):
        if file.get(field) is not None:
            _check(f"{name}.{field}", file[field], str)
    given = file.get("path") if "path" in file else file["content"]
    if "path" not in file and isinstance(given, str):
        # A path has a field of its own.
        given = given.encode()
    content = _content(given)
    if content is None or ("path" in file and not isinstance(content, str)):
        field = "`path` must be a path" if "path" in file else "`content` must be bytes or a file"
        raise InvalidRequestError(f"`{name}`: its {field}, not {_cut(given)}.")
    refuse_unreadable(name, content)
    return NewFile(
        content,
        name=file.get("name"),
        content_type=file.get("content_type"),
        key=file.get("key"),
    )


def refuse_unreadable(name: str, file: Any) -> None:
    """Refuses an open file that gives no bytes, before anything of it is sent."""
    import io

    if not hasattr(file, "read"):
        return
    if isinstance(file, io.TextIOBase):
        raise InvalidRequestError(
            f"`{name}` is a file that gives text. Open it in binary mode: open(path, 'rb')."
        )
    if getattr(file, "closed", False) is True:
        raise InvalidRequestError(f"`{name}` is a file that is closed. Open it, or pass its path.")
    if not isinstance(file, io.IOBase):
        return
    # One that says nothing of itself has `read` all the same.
    if file.writable() and not file.readable():
        raise InvalidRequestError(
            f"`{name}` is a file that was not opened for reading. Open it with open(path, 'rb')."
        )
    try:
        at = file.tell()
        end = file.seek(0, io.SEEK_END)
        file.seek(at)
    except (OSError, ValueError):
        # A pipe, for example.
        return
    if isinstance(end, int) and 0 < end <= at:
        raise InvalidRequestError(
            f"`{name}` is a file that was read, or written, to its end: nothing is left of it. "
            "Go to its beginning with `seek(0)`, or pass its path."
        )


def is_in_memory(file: object) -> bool:
    """Whether a file holds its bytes in memory: they can be sent again."""
    import io

    return isinstance(file, io.BytesIO)


def _known(name: str, field: object, fields: Collection[object]) -> None:
    if field not in fields:
        names = ", ".join(map(str, fields))
        raise InvalidRequestError(
            f"`{name}` has {field!r}, which no such file has. Its fields are {names}."
        )


def _check(name: str, value: Any, kind: type) -> None:
    if not isinstance(value, kind) or (isinstance(value, int) and not _is_size(value)):
        what = "a whole number from 0 on" if kind is int else "a text"
        raise InvalidRequestError(f"`{name}` must be {what}, not {_cut(value)}.")


def _content(file: Any) -> Any:
    """A path as text, bytes, or what can be read; None where it is none of them."""
    if isinstance(file, (str, bytes)):
        return file
    if isinstance(file, (bytearray, memoryview)):
        return bytes(file)
    if hasattr(file, "read"):
        return file
    if hasattr(file, "__fspath__"):
        import os

        return os.fsdecode(file)
    return None


def _is_one(files: object) -> bool:
    return isinstance(files, UploadedFile) or _is_mapping(files) or _content(files) is not None


def _is_mapping(file: object) -> bool:
    return hasattr(file, "keys") and hasattr(file, "__getitem__")


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_size(value: int) -> bool:
    return not isinstance(value, bool) and value >= 0
