"""Files of turns in Python, and what else a turn is given."""

from __future__ import annotations

import asyncio
import io
import json
import re
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sessionwire import Emulator, InvalidRequestError, ResumePoint, TaskTimeout
from test_turns import USUAL, turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def test_files_of_a_turn_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    uploaded = {"key": "elsewhere/a.txt", "name": "a.txt", "type": "text/plain", "size": 3}
    with Emulator(scenario=turns({"text": "read"})) as emulator, emulator.raccoon() as client:
        session = client.session()
        with path.open("rb") as file, tempfile.TemporaryFile() as unnamed:
            unnamed.write(b"x")
            unnamed.seek(0)
            files: list[Any] = [
                str(path),
                path,
                b"two",
                bytearray(b"x"),
                memoryview(b"x"),
                file,
                unnamed,
                io.BytesIO(b"x"),
                {"name": "a.txt", "content": b"four", "content_type": "text/x-a"},
                {"name": "b.md", "content": "text"},
                {"path": path, "name": "c.txt"},
                {"content": io.BytesIO(b"five"), "key": f"{session.session_id}/own"},
                uploaded,
                session.upload(path),
            ]
            assert session.run_turn("read", files=iter(files)).text == "read"
        sent = json.loads(emulator.requests("POST", "/sessions/new")[-1].body)["files"]
        id = session.session_id
        names = "a.txt a.txt file file file a.txt file file a.txt b.md c.txt file a.txt a.txt"
        assert [one["name"] for one in sent] == names.split()
        keys = [one["key"] for one in sent]
        assert len(set(keys)) == len(keys), "none overwrites another"
        assert keys[11:] == [f"{id}/own", "elsewhere/a.txt", f"{id}/a.txt"]
        assert [one["type"] for one in sent[8:10]] == ["text/x-a", "text/markdown"]
        puts = len(emulator.requests("PUT"))
        assert session.run_turn("read", files=[uploaded]).text == "read"
        assert len(emulator.requests("PUT")) == puts


def test_files_of_a_turn_in_every_form_async(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "a.txt"
        path.write_text("one")
        async with (
            Emulator(scenario=turns({"text": "read"})) as emulator,
            emulator.async_raccoon() as client,
        ):
            session = client.session()
            with path.open("rb") as file:
                files: list[Any] = [path, file, {"name": "b.txt", "content": b"x"}]
                assert (await session.run_turn("read", files=files)).text == "read"
            sent = json.loads(emulator.requests("POST", "/sessions/new")[-1].body)["files"]
            assert [one["name"] for one in sent] == ["a.txt", "a.txt", "b.txt"]
            assert sent[0]["key"] != sent[1]["key"]

    asyncio.run(main())


class Request:
    """A file of a web framework: its `read` is awaited, and it has a `filename`."""

    filename = "form.csv"

    def __init__(self) -> None:
        self._rest = bytearray(b"a,b")

    async def read(self, size: int) -> bytearray:
        part, self._rest = self._rest[:size], self._rest[size:]
        return part


def test_files_of_web_frameworks() -> None:
    async def main() -> None:
        async with Emulator() as emulator, emulator.async_raccoon() as client:
            file: Any = Request()
            uploaded = await client.session().upload(file)
            assert (uploaded.name, uploaded.size) == ("form.csv", 3)

    asyncio.run(main())
    with Emulator() as emulator, emulator.raccoon() as client:
        session = client.session()
        for size in (1, 100):
            with tempfile.SpooledTemporaryFile(max_size=size) as spooled:
                spooled.write(b"some bytes")
                spooled.seek(0)
                [uploaded] = session.upload_files([spooled])
                assert (uploaded.name, uploaded.size) == ("file", 10)


@pytest.fixture
def unreadable(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Files that give no bytes, or none any more."""
    path = tmp_path / "b.txt"
    path.write_text("two")
    with path.open("rb") as closed:
        pass
    with path.open("ab") as write_only, path.open("rb") as read:
        read.read()
        yield {"{closed}": closed, "{at its end}": read, "{write-only}": write_only}


def test_an_answer_that_took_no_file_is_no_loss(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 3_000_000)
    kept = b"y" * 20_000_000

    async def main(emulator: Emulator) -> None:
        async with emulator.async_raccoon(max_retries=2) as client:
            session = client.session()
            for status in (429, 503):
                with path.open("rb") as file:
                    for one in (file, io.BytesIO(kept)):
                        emulator.fail(on="upload", status=status, headers={"Retry-After": "0"})
                        assert (await session.upload(one)).size in (3_000_000, len(kept))

    with Emulator() as emulator, emulator.raccoon(max_retries=2) as client:
        session = client.session()
        for status in (429, 503):
            with path.open("rb") as file:
                named = io.BytesIO(kept)
                named.name = "b.bin"
                for one, name, size in ((file, "a.bin", 3_000_000), (named, "b.bin", len(kept))):
                    emulator.fail(on="upload", status=status, headers={"Retry-After": "0"})
                    uploaded = session.upload(one)
                    assert (uploaded.name.endswith(name), uploaded.size) == (True, size)
        asyncio.run(main(emulator))


def test_the_files_of_a_turn_get_their_keys_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    with Emulator(scenario=turns({"text": "read"})) as emulator, emulator.raccoon() as client:
        session = client.session()
        id = session.session_id
        other = {"name": "a.txt", "content": b"two"}
        session.run_turn("read", files=[path, other, str(path), io.BytesIO(b"x")])
        sent = json.loads(emulator.requests("POST", "/sessions/new")[-1].body)["files"]
        keys = [f"{id}/a.txt", f"{id}/2/a.txt", f"{id}/3/a.txt"]
        assert [one["key"] for one in sent[:3]] == keys
        assert [one["size"] for one in sent] == [3, 3, 3, 1]


@pytest.mark.parametrize("again", ["one", "described"])
def test_g08_an_open_file_is_given_once(again: str) -> None:
    with Emulator() as emulator, emulator.raccoon() as client, io.BytesIO(b"x") as file:
        session = client.session()
        files: list[Any] = [b"y", file, {"content": file, "name": "b"} if again != "one" else file]
        words = r"`files\[2\]` is the open file of `files\[1\]`.*Leave it out"
        for call in (session.start_turn, session.run_turn):
            with pytest.raises(InvalidRequestError, match=words):
                call("read", files=files)
        with pytest.raises(InvalidRequestError, match=words):
            session.upload_files(files)
        assert emulator.requests() == []
        assert session.upload(file).size == 1
        with pytest.raises(InvalidRequestError, match=r"`file` is a file that was read.*seek\(0\)"):
            session.upload(file)


FIVE: Any = 5
NONE: Any = None


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([None], r"`files\[0\]` must be a path, .* not None"),
        (["{path}", 5], r"`files\[1\]` must be a path, .* not 5"),
        ("a.txt", r"`files` is a text\. Pass a list of files, such as \['a\.txt'\]"),
        (b"abc", r"`files` is one file, a bytes\. Pass a list"),
        (Path("a.txt"), r"`files` is one file, a .*Path\. Pass a list"),
        ({"key": "k"}, r"`files` is one file, a dict\. Pass a list"),
        (5, r"`files` must be a list of files, not 5"),
        ([{}], r"`files\[0\]` is a dict without"),
        ([{"key": 5}], r"`files\[0\]\.key` must be a text, not 5"),
        (
            [{"key": "k", "size": -1}],
            r"`files\[0\]\.size` must be a whole number from 0 on, not -1",
        ),
        ([{"key": "k"}, {"key": ""}], r"`files\[1\]`: The `key` is empty"),
        (["{path}", ""], r"`files\[1\]`: The path is empty"),
        ([{"key": "k", "sise": 5}], r"`files\[0\]` has 'sise', .* Its fields are key, name"),
        ([{"content": b"x", "mime": "a/b"}], r"`files\[0\]` has 'mime'.*content_type"),
        ([{"content": None}], r"`files\[0\]`: its `content` must be bytes or a file, not None"),
        ([{"path": b"x"}], r"`files\[0\]`: its `path` must be a path, not b'x'"),
        ([{"path": "x", "content": b"x"}], r"`files\[0\]` has both"),
        ([b"x", io.StringIO("x")], r"`files\[1\]` is a file that gives text.*binary"),
        ([{"content": io.StringIO("x")}], r"`files\[0\]` is a file that gives text.*binary"),
        ([b"x", "{path}", "/no/such"], r"`files\[2\]`: The file /no/such cannot be uploaded"),
        (["{path}", "/no/such"], r"`files\[1\]`: The file /no/such cannot be uploaded"),
        (
            [b"x", {"content": b"x", "content_type": "a b"}],
            r"`files\[1\]`: .*`content_type` is \"a b",
        ),
        ([b"x", {"content": b"x", "key": "../x"}], r"`files\[1\]`: `key` is \"../x\""),
        (
            [{"content": b"x", "key": "s/a"}, b"x", {"content": b"y", "key": "s/a"}],
            r"`files\[2\]`: It has the `key` of `files\[0\]`",
        ),
        ([b"x", "{closed}"], r"`files\[1\]` is a file that is closed\. Open it"),
        ([b"x", "{at its end}"], r"`files\[1\]` is a file that was read.*`seek\(0\)`"),
        ([b"x", "{write-only}"], r"`files\[1\]` is a file that was not opened for reading"),
        ([b"x", "{folder}"], r"`files\[1\]`: .* is a directory.* `upload_directory`"),
    ],
    # Without the address of a file: each run names the case alike.
    ids=lambda value: re.sub(r" object at 0x\w+", "", str(value)),
)
def test_g08_what_can_be_no_file_of_a_turn_is_refused(
    files: Any, words: str, tmp_path: Path, unreadable: dict[str, Any]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    places: dict[str, Any] = {"{path}": str(path), "{folder}": str(tmp_path), **unreadable}
    if isinstance(files, list):
        files = [places.get(one, one) if isinstance(one, str) else one for one in files]
    with Emulator() as emulator, emulator.raccoon() as client:
        session = client.session()
        for call in (session.start_turn, session.run_turn):
            with pytest.raises(InvalidRequestError, match=words):
                call("read", files=files)
        with pytest.raises(InvalidRequestError, match=words):
            session.upload_files(files)
        assert emulator.requests() == []


def test_g08_bad_input_beside_files_is_refused_before_they_are_sent() -> None:
    with Emulator() as emulator, emulator.raccoon() as client, emulator.agi() as agi:
        session = client.session()
        calls: list[tuple[Callable[[], object], str]] = [
            (lambda: session.start_turn(" ", files=[b"x"]), "prompt"),
            (lambda: session.run_turn("x", files=[b"x"], ping_interval=0), "ping_interval"),
            (lambda: session.run_turn("x", events={"text": 1}), "`events` is no option of a turn"),  # type: ignore[call-arg]
            (lambda: session.start_turn("x", events=["text"]), "`events` is no option of a turn"),  # type: ignore[call-arg]
            (lambda: session.run_turn("x", on_event=FIVE), "`on_event` must be a function, not 5"),
            (lambda: client.run_turn("x", on_event=FIVE), "`on_event` must be a function, not 5"),
            (lambda: session.upload(b"x", on_progress=FIVE), "`on_progress` must be a function"),
            (lambda: session.upload(io.StringIO("x")), "`file` is a file that gives text"),  # type: ignore[arg-type]
            (lambda: session.upload_files(NONE), "`files` is None"),
            (lambda: session.upload_files([b"x"], on_progress=FIVE), "`on_progress` must be"),
            (lambda: client.media.upload_files([b"x"], session_id="x"), "UUID"),
            (lambda: client.media.upload_directory(".", session_id="x"), "UUID"),
            (lambda: session.upload_directory("/no/such"), "/no/such cannot be read"),
            (lambda: session.upload_directory(".", "../*"), "`pattern`"),
            (lambda: session.upload_directory(NONE), "`directory` must be a path, not None"),
            (lambda: client.attach(session.session_id), "`message_id` is missing"),
            (lambda: client.attach({"session_id": "x"}), r"`ResumePoint\(\*\*fields\)`"),  # type: ignore[arg-type]
            (lambda: agi.run_task("x", on_event=FIVE), "`on_event` must be a function, not 5"),
            (lambda: agi.run_task("x", on_question=FIVE), "`on_question` must be a function"),
            (lambda: agi.run_tasks(["x"], on_question=FIVE), "`on_question` must be a function"),
        ]
        for call, words in calls:
            with pytest.raises(InvalidRequestError, match=words):
                call()
        assert emulator.requests() == []
        task = agi.sessions.create()
        with pytest.raises(InvalidRequestError, match="`on_question` must be a function"):
            task.run_task("x", on_question=FIVE)
        assert len(emulator.requests()) == 1


def test_g04_the_time_of_a_turn_holds_for_its_files() -> None:
    with Emulator() as emulator, emulator.raccoon() as client:
        emulator.fail(on="upload", hang=True)
        with pytest.raises(TaskTimeout, match=r"0\.2 s"):
            client.run_turn("x", files=[b"x"], timeout=0.2)
        assert emulator.requests("POST") == []


def test_many_files_with_progress(tmp_path: Path) -> None:
    for name in ("a.csv", "b/a.csv", "b/c.txt", ".hidden", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    with Emulator() as emulator, emulator.raccoon() as client:
        session = client.session()
        id = session.session_id
        seen: list[tuple[int, int, int | None]] = []
        files = session.upload_files(
            [tmp_path / "a.csv", b"abc", {"key": "k"}, io.BytesIO(b"x")],
            on_progress=lambda *now: seen.append(now),
        )
        assert list(dict.fromkeys(at for at, _, _ in seen)) == [0, 1, 3]
        assert (0, 5, 5) in seen
        assert seen[-1][:2] == (3, 1)
        assert (files[0].key, files[2].key) == (f"{id}/a.csv", "k")
        seen.clear()
        files = session.upload_directory(tmp_path, on_progress=lambda *now: seen.append(now))
        assert [one.key for one in files] == [f"{id}/2/a.csv", f"{id}/b/a.csv", f"{id}/b/c.txt"]
        assert seen[-1] == (2, 7, 7)
        files = session.upload_directory(tmp_path, "b/*.csv")
        assert [(one.key, one.name) for one in files] == [(f"{id}/2/b/a.csv", "a.csv")]
        with pytest.raises(InvalidRequestError, match="has no file that `pattern` names"):
            session.upload_directory(tmp_path, "*.pdf")

        async def main() -> None:
            async with emulator.async_raccoon() as client:
                session = client.session(id)
                assert len(await session.upload_directory(tmp_path)) == 3
                assert len(await session.upload_files([b"x"])) == 1

        asyncio.run(main())


def test_a_message_takes_files_that_were_uploaded() -> None:
    scenario = turns({"wait_for_message": True})
    with Emulator(scenario=scenario) as emulator, emulator.raccoon() as client:
        session = client.session()
        file = session.upload(b"x", name="a.txt")
        with session.start_turn("x") as turn:
            path: Any = "a.txt"
            for wrong in (path, FIVE):
                with pytest.raises(InvalidRequestError, match=r"`files\[0\]`"):
                    turn.send_message("more", files=[wrong])
            turn.send_message("more", files=[file, {"key": "k"}])
            assert turn.result().status == "completed"


def test_a_session_is_named_by_a_uuid_object_too() -> None:
    id = uuid.uuid4()
    with Emulator(scenario=turns({"text": "x"})) as emulator, emulator.raccoon() as client:
        session = client.session(id)
        assert session.session_id == str(id)
        result = client.run_turn("x", session_id=id)
        assert client.attach(id, result.message_id).result().text == "x"
        assert client.media.upload(b"x", session_id=id, name="a").key == f"{id}/a"
        assert client.media.upload_files([b"x"], session_id=id)
        assert client.sessions.get(id).session.session_id == str(id)
        assert client.sessions.rename(id, "Mugs").success
        assert client.sessions.delete(id).deleted
        with pytest.raises(InvalidRequestError, match="UUID"):
            client.session("7")


def test_a_resume_point_is_all_that_attach_needs() -> None:
    with Emulator(scenario=turns(*USUAL), step_delay=0.0) as emulator, emulator.raccoon() as client:
        with client.session().start_turn("count") as turn:
            first = [next(turn).id for _ in range(7)]
            kept = json.dumps(turn.resume_point.to_dict())
        point = ResumePoint(**json.loads(kept))
        with client.attach(point, text_mode="delta") as later:
            assert first + [event.id for event in later] == list(range(1, 43))
        with pytest.raises(InvalidRequestError, match="Leave out `message_id`"):
            client.attach(point, "msg_1")
