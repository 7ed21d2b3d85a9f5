"""Files for turns: upload."""

from __future__ import annotations

from ... import _native
from ... import _wait_async as _wait
from ..._callbacks import check_callback
from ..._errors import InvalidRequestError
from ..._raccoon.files import NewFile, given_files, is_in_memory, refuse_unreadable
from ..._raccoon.ids import session_text
from ..._raccoon.models import UploadedFile
from ..._reports import remaining

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    import uuid
    from collections.abc import Callable, Iterable
    from typing import Any

    from ..._raccoon.seam import DirectoryFilesOperation, FileToCheck, Upload
    from ..._raccoon.types import Client, Content, GivenFile
    from ..._wait_async import Maybe

# How much of a file object is read at once.
_CHUNK = 256 * 1024
# Seconds between two reports of the progress of an upload.
_PROGRESS = 0.1


class AsyncMedia:
    """Files for turns: `client.media`."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def upload(
        self,
        file: Content,
        *,
        session_id: str | uuid.UUID,
        key: str | None = None,
        name: str | None = None,
        content_type: str | None = None,
        on_progress: Callable[[int, int | None], Maybe[object]] | None = None,
        progress: bool = False,
    ) -> UploadedFile:
        """Uploads a file. It is streamed, never held in memory as a whole.

        Args:
            file: A path, bytes, or a file object opened in binary mode. Of what a file
                object gives, 8 MiB are kept for a retry.
            session_id: The session that it is for; it need not exist yet.
            key: Where to keep it; what is there is overwritten. Default:
                `{session_id}/{name}`, or a place of its own for a second file of that name.
            name: Its name. Default: that of the file.
            content_type: Its media type. Default: by the name's ending.
            on_progress: Called now and then with the bytes sent and the bytes in all
                (None where unknown).
            progress: Shows how it gets on: a line on a terminal, a view in a notebook, and
                nothing where standard error is no terminal.

        Raises:
            InvalidRequestError: The file cannot be read, for example.
            APIError: The service refused it, or was not reached.
        """
        check_callback("on_progress", on_progress)
        if not isinstance(file, str | bytes | bytearray | memoryview) and not (
            hasattr(file, "read") or hasattr(file, "__fspath__")
        ):
            raise InvalidRequestError(
                f"`file` must be a path, bytes, or a file opened in binary mode, not {file!r}. "
                "Pass one of them."
            )
        refuse_unreadable("file", file)
        new = NewFile(file, name=name, content_type=content_type, key=key)
        session_id = session_text(session_id)
        if progress is not False:
            from ..._views.progress import begin

            shown = begin(progress, new.name or file)
            if shown is not None:
                with shown:
                    return await self._send(new, session_id, shown.sending(on_progress))
        return await self._send(new, session_id, on_progress)

    async def upload_files(
        self,
        files: Iterable[GivenFile],
        *,
        session_id: str | uuid.UUID,
        on_progress: Callable[[int, int, int | None], Maybe[object]] | None = None,
    ) -> list[UploadedFile]:
        """Uploads files, one after the other: what `files` of a turn takes.

        Args:
            files: Paths, bytes, file objects opened in binary mode, dicts with `content` or
                `path`, and `name`, `content_type` or `key` where wanted. What was uploaded
                already stays as it is.
            session_id: The session that they are for; it need not exist yet.
            on_progress: Called now and then with the place in `files`, from 0, and with that
                file's bytes sent and bytes in all (None where unknown).

        Raises:
            InvalidRequestError: One of them is no file, or cannot be read: nothing was sent.
            APIError: The service refused one, or was not reached.
        """
        check_callback("on_progress", on_progress)
        if files is None:
            raise InvalidRequestError("`files` is None. Pass a list of files.")
        given = given_files(files)
        session_id = session_text(session_id)
        _native.check_raccoon({"check": "session_id", "session_id": session_id})
        check_files(given)
        return await self._send_all(given, session_id, on_progress)

    async def upload_directory(
        self,
        directory: str | os.PathLike[str],
        pattern: str = "**/*",
        *,
        session_id: str | uuid.UUID,
        on_progress: Callable[[int, int, int | None], Maybe[object]] | None = None,
    ) -> list[UploadedFile]:
        """Uploads the files of a directory; their folders become part of their keys.

        Args:
            directory: Where they are.
            pattern: Which, by their paths in there: `*` and `?` stand for any characters of a
                name, `**` for any folders. Names that begin with a dot need a pattern with
                that dot. Links to directories are not followed.
            session_id: The session that they are for; it need not exist yet.
            on_progress: As for `upload_files`; files go in the order of their paths.

        Raises:
            InvalidRequestError: It is no directory, or has no such file.
            APIError: The service refused one, or was not reached.

        Example:
            >>> files = await client.media.upload_directory(
            ...     "reports", "**/*.csv", session_id=session.session_id
            ... )
        """
        check_callback("on_progress", on_progress)
        if not isinstance(directory, str) and not hasattr(directory, "__fspath__"):
            raise InvalidRequestError(f"`directory` must be a path, not {directory!r}.")
        session_id = session_text(session_id)
        _native.check_raccoon({"check": "session_id", "session_id": session_id})
        operation: DirectoryFilesOperation = {
            "op": "directory_files",
            "directory": str(directory),
            "pattern": pattern,
        }
        found = await _wait.result(self._client._start(operation))
        given = [NewFile(file["path"], folder=file["folder"]) for file in found]
        return await self._send_all(given, session_id, on_progress)

    async def _send_all(
        self,
        given: Iterable[NewFile | UploadedFile],
        session_id: str,
        on_progress: Callable[[int, int, int | None], Maybe[object]] | None,
    ) -> list[UploadedFile]:
        uploaded = []
        for at, file in enumerate(given):
            if isinstance(file, NewFile):
                report = None if on_progress is None else _report(on_progress, at)
                file = await self._send(file, session_id, report)
            uploaded.append(file)
        return uploaded

    async def _send(
        self,
        file: NewFile,
        session_id: str,
        on_progress: Callable[[int, int | None], Maybe[object]] | None = None,
        until: float | None = None,
    ) -> UploadedFile:
        """Uploads a file; Late where there is no time left."""
        params: Upload = {
            "session_id": session_id,
            "key": file.key,
            "folder": file.folder,
            "name": file.name,
            "content_type": file.content_type,
        }
        content = file.content
        if hasattr(content, "read") and file.name is None:
            # That of a file without a name on the disk is a number, or None.
            names = (getattr(content, field, None) for field in ("name", "filename"))
            params["name"] = next((name for name in names if isinstance(name, str)), None)
        if is_in_memory(content):
            content = content.read()
        with self._client._block("upload", session_id=session_id) as native:
            if isinstance(content, bytes | bytearray | memoryview):
                upload = native.upload(params, content=bytes(content))
            elif hasattr(content, "read"):
                upload = native.upload(params)
                await self._pump(upload, content, on_progress, until)
            else:
                upload = native.upload(params, path=content)
            return await self._finish(upload, on_progress, until)

    async def _pump(
        self,
        upload: _native.Upload,
        file: Any,
        on_progress: Callable[[int, int | None], Maybe[object]] | None,
        until: float | None,
    ) -> None:
        try:
            while content := await _wait.call(file.read, _CHUNK):
                if not isinstance(content, bytes | bytearray | memoryview):
                    raise InvalidRequestError(
                        f"The file gives a {type(content).__name__}, not bytes. Open it in binary "
                        "mode: open(path, 'rb'); one that is awaited needs an asynchronous client."
                    )
                writing = upload.write(bytes(content))
                if not await _wait.within(writing, remaining(until)):
                    writing.cancel()
                    raise _wait.Late
                if not writing.result():
                    break
                if on_progress is not None:
                    await _wait.call(on_progress, upload.sent, None)
        except BaseException:
            upload.pending.cancel()
            raise
        upload.finish()

    async def _finish(
        self,
        upload: _native.Upload,
        on_progress: Callable[[int, int | None], Maybe[object]] | None,
        until: float | None,
    ) -> UploadedFile:
        if on_progress is None:
            if not await _wait.within(upload.pending, remaining(until)):
                upload.pending.cancel()
                raise _wait.Late
            return UploadedFile._of(upload.pending.result())
        try:
            while not await _wait.within(upload.pending, _PROGRESS):
                await _wait.call(on_progress, upload.sent, upload.total)
        except BaseException:
            upload.pending.cancel()
            raise
        await _wait.call(on_progress, upload.sent, upload.total)
        return UploadedFile._of(upload.pending.result())


def check_files(given: Iterable[NewFile | UploadedFile]) -> None:
    """Refuses what cannot be uploaded, by its place, before anything of it is sent."""
    files: list[FileToCheck] = [
        {
            "uploaded": isinstance(file, UploadedFile),
            "path": file.path if isinstance(file, NewFile) else None,
            "key": file.key,
            "content_type": file.content_type if isinstance(file, NewFile) else None,
        }
        for file in given
    ]
    _native.check_raccoon({"check": "files", "files": files})


def _report(
    on_progress: Callable[[int, int, int | None], Maybe[object]], at: int
) -> Callable[[int, int | None], Maybe[object]]:
    return lambda sent, total: on_progress(at, sent, total)
