"""Files for turns: upload."""

from __future__ import annotations

from ... import _wait_async as _wait
from ..._errors import InvalidRequestError
from ..._raccoon.models import UploadedFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import IO, Any

    from ... import _native
    from ..._raccoon.seam import Upload
    from ..._raccoon.types import Client
    from ..._wait_async import Maybe

    # What an upload takes for a file.
    Content = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]

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
        session_id: str,
        key: str | None = None,
        name: str | None = None,
        content_type: str | None = None,
        on_progress: Callable[[int, int | None], Maybe[object]] | None = None,
    ) -> UploadedFile:
        """Uploads a file. It is streamed, never held in memory as a whole.

        Args:
            file: A path, bytes, or a file object opened in binary mode. Only a file
                object is not read again for a retry.
            session_id: The session that it is for; it need not exist yet.
            key: Where to keep it. Default: `{session_id}/{name}`.
            name: Its name. Default: that of the file.
            content_type: Its media type. Default: by the name's ending.
            on_progress: Called now and then with the bytes sent and the bytes in all
                (None where unknown).

        Raises:
            InvalidRequestError: The file cannot be read, for example.
            APIError: The service refused it, or was not reached.
        """
        params: Upload = {
            "session_id": session_id,
            "key": key,
            "name": name,
            "content_type": content_type,
        }
        native = self._client._native
        if isinstance(file, (bytes, bytearray, memoryview)):
            upload = native.upload(params, content=bytes(file))
            return await self._finish(upload, on_progress)
        if hasattr(file, "read"):
            if name is None:
                params["name"] = getattr(file, "name", None)
            return await self._pump(native.upload(params), file, on_progress)
        if not isinstance(file, str) and not hasattr(file, "__fspath__"):
            raise InvalidRequestError(
                f"`file` must be a path, bytes, or a file opened in binary mode, not {file!r}. "
                "Pass one of them."
            )
        return await self._finish(native.upload(params, path=file), on_progress)

    async def _pump(
        self,
        upload: _native.Upload,
        file: Any,
        on_progress: Callable[[int, int | None], Maybe[object]] | None,
    ) -> UploadedFile:
        try:
            while content := await _wait.call(file.read, _CHUNK):
                if isinstance(content, str):
                    raise InvalidRequestError(
                        "The file gives text. Open it in binary mode: open(path, 'rb')."
                    )
                if not await _wait.result(upload.write(content)):
                    break
                if on_progress is not None:
                    await _wait.call(on_progress, upload.sent, None)
        except BaseException:
            upload.pending.cancel()
            raise
        upload.finish()
        return await self._finish(upload, on_progress)

    async def _finish(
        self,
        upload: _native.Upload,
        on_progress: Callable[[int, int | None], Maybe[object]] | None,
    ) -> UploadedFile:
        if on_progress is None:
            return UploadedFile._of(await _wait.result(upload.pending))
        try:
            while not await _wait.within(upload.pending, _PROGRESS):
                await _wait.call(on_progress, upload.sent, upload.total)
        except BaseException:
            upload.pending.cancel()
            raise
        await _wait.call(on_progress, upload.sent, upload.total)
        return UploadedFile._of(upload.pending.result())
