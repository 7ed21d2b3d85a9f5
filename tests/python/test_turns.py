"""Turns in Python, sync and async: the shared cases, and what is Python's own."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import pickle
import socket
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import sessionwire
from helpers import hooks_named
from sessionwire import (
    AsyncRaccoon,
    ConfigError,
    Emulator,
    InvalidRequestError,
    Raccoon,
    TaskError,
    TaskErrorEvent,
    TaskTimeout,
    TextEvent,
    TurnEvent,
    UnknownTurnEvent,
    UploadedFile,
)
from test_contract import cases, check, value

USUAL: list[dict[str, Any]] = [
    {"wait_for_socket": True},
    {"repeat": 40, "steps": [{"text": "{n} "}]},
    {"complete": True},
]
TURNS = (
    cases("turns.json")
    + cases("rude_faults.json", "turns")
    + cases("variants.json", "turns")
    + cases("turn_hooks.json", "turns")
)
FOREVER: list[dict[str, Any]] = [{"text": "x"}, {"wait_for_stop": True}]


def turns(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"turns": [{"steps": list(steps), "once": False}]}


def emulator_of(case: dict[str, Any]) -> Emulator:
    scenario = turns(*case.get("steps", USUAL))
    emulator = Emulator(scenario=scenario, step_delay=0.0, **case.get("emulator", {}))
    for fault in case.get("faults", []):
        emulator.fail(fault)
    return emulator


def judge(
    case: dict[str, Any],
    emulator: Emulator,
    events: list[Any],
    outcome: Any,
    last_turn: sessionwire.HistoryMessage | None,
) -> None:
    """Compares what a case expects with what came."""
    expect = case["expect"]
    if "error" in expect:
        assert isinstance(outcome, BaseException), "nothing was raised"
        check(outcome, expect["error"])
    elif isinstance(outcome, BaseException):
        raise outcome
    if "ids" in expect:
        first, last = expect["ids"]
        ids = [event.id for event in events if event.id is not None]
        assert ids == list(range(first, last + 1))
    if "kinds" in expect:
        assert [event.kind for event in events] == expect["kinds"]
    for name in ("status", "text", "reason"):
        if name in expect:
            assert getattr(outcome, name) == expect[name]
    if "certain" in expect:
        assert outcome.text_is_certain is expect["certain"]
    if "extra" in expect:
        assert outcome.extra == expect["extra"]
    if "json" in expect and "error" in expect["json"]:
        with pytest.raises(sessionwire.SessionwireError) as caught:
            outcome.json()
        check(caught.value, expect["json"]["error"])
    elif "json" in expect:
        assert outcome.json() == expect["json"]
        assert outcome.parse(dict[str, int]) == expect["json"]
    if "last_turn" in expect:
        assert last_turn is not None
        told = {
            "status": last_turn.status,
            "text": last_turn.text,
            "plan": [item["content"] for item in last_turn.plan],
            "sandbox_files": list(last_turn.sandbox_files),
        }
        assert told == {**told, **expect["last_turn"]}
    requests = emulator.requests()
    if "requests" in expect:
        made = [request for request in requests if request.path == "/sessions/new"]
        assert len(made) == expect["requests"]
    if "sockets" in expect:
        made = [request for request in requests if request.path.startswith("/ws/sessions/")]
        assert len(made) >= expect["sockets"]


@pytest.mark.parametrize("case", TURNS)
def test_turns(case: dict[str, Any]) -> None:
    events: list[Any] = []
    with (
        emulator_of(case) as emulator,
        emulator.raccoon(**hooks_named(case.get("client", {}))) as client,
    ):
        outcome: Any
        session = client.session()
        try:
            with session.start_turn("go", **case.get("events", {})) as turn:
                # An error of the stream is the result's too.
                with contextlib.suppress(sessionwire.SessionwireError):
                    for event in turn:
                        events.append(event)
                outcome = turn.result()
        except sessionwire.SessionwireError as error:
            outcome = error
        last_turn = session.last_turn() if "last_turn" in case["expect"] else None
        judge(case, emulator, events, outcome, last_turn)


@pytest.mark.parametrize("case", TURNS)
def test_turns_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        events: list[Any] = []
        async with (
            emulator_of(case) as emulator,
            emulator.async_raccoon(**hooks_named(case.get("client", {}))) as client,
        ):
            outcome: Any
            session = client.session()
            try:
                async with session.start_turn("go", **case.get("events", {})) as turn:
                    # An error of the stream is the result's too.
                    with contextlib.suppress(sessionwire.SessionwireError):
                        async for event in turn:
                            events.append(event)
                    outcome = await turn.result()
            except sessionwire.SessionwireError as error:
                outcome = error
            last_turn = await session.last_turn() if "last_turn" in case["expect"] else None
            judge(case, emulator, events, outcome, last_turn)

    asyncio.run(main())


def list_emulator(case: dict[str, Any]) -> Emulator:
    return Emulator(scenario=turns({"complete": True}), step_delay=0.0, dialect=case["dialect"])


@pytest.mark.parametrize("case", cases("variants.json", "lists"))
def test_lists(case: dict[str, Any]) -> None:
    with list_emulator(case) as emulator, emulator.raccoon() as client:
        made = {client.run_turn("go").session_id for _ in range(25)}
        listed = [session.session_id for session in client.sessions.list()]
        assert sorted(listed) == sorted(made)


@pytest.mark.parametrize("case", cases("variants.json", "lists"))
def test_lists_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with list_emulator(case) as emulator, emulator.async_raccoon() as client:
            made = {(await client.run_turn("go")).session_id for _ in range(25)}
            listed = [session.session_id async for session in client.sessions.list()]
            assert sorted(listed) == sorted(made)

    asyncio.run(main())


def make_bad_call(case: dict[str, Any], client: Any) -> Any:
    """Makes the call of a case of bad input; the caller awaits what is awaitable."""
    args = {name: value(arg) for name, arg in case["args"].items()}
    calls: dict[str, Any] = {
        "session": client.session,
        "get": client.sessions.get,
        "delete": client.sessions.delete,
        "rename": client.sessions.rename,
        "start_turn": client.session().start_turn,
        "attach": client.attach,
        "list": client.sessions.list,
        "upload": lambda **args: client.media.upload(b"x", **args),
    }
    return calls[case["call"]](**args)


def bad_client(
    kind: type[Raccoon] | type[AsyncRaccoon], emulator: Emulator, args: dict[str, Any]
) -> None:
    kind(**{"base_url": emulator.raccoon_url, "api_key": "some-key", **args})


@pytest.mark.parametrize("case", cases("turn_input.json"))
def test_g08_turn_input(case: dict[str, Any]) -> None:
    with Emulator() as emulator, emulator.raccoon() as client:
        with pytest.raises(sessionwire.SessionwireError) as caught:
            if case["call"] == "client":
                bad_client(Raccoon, emulator, case["args"])
            elif case["call"] == "list":
                list(make_bad_call(case, client))
            else:
                make_bad_call(case, client)
        check(caught.value, case["expect"])
        assert emulator.requests() == []


@pytest.mark.parametrize("case", cases("turn_input.json"))
def test_g08_turn_input_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with Emulator() as emulator, emulator.async_raccoon() as client:
            with pytest.raises(sessionwire.SessionwireError) as caught:
                if case["call"] == "client":
                    bad_client(AsyncRaccoon, emulator, case["args"])
                elif case["call"] == "list":
                    assert [found async for found in make_bad_call(case, client)] == []
                else:
                    await make_bad_call(case, client)
            check(caught.value, case["expect"])
            assert emulator.requests() == []

    asyncio.run(main())


def test_g01_a_turn_goes_on_where_its_reader_stopped() -> None:
    with Emulator(scenario=turns(*USUAL), step_delay=0.0) as emulator, emulator.raccoon() as client:
        with client.session().start_turn("count") as turn:
            first = [next(turn).id for _ in range(7)]
            point = turn.resume_point
        assert (point.last_event_id, point.session_id) == (7, turn.session_id)
        later = client.attach(point.session_id, point.message_id, point)
        assert later.resume_point == point, "nothing was read since"
        assert first + [event.id for event in later] == list(range(1, 43))
        by_entry = client.attach(point.session_id, point.message_id, point.last_stream_entry_id)
        assert by_entry.resume_point.last_stream_entry_id == point.last_stream_entry_id
        assert [event.id for event in by_entry] == list(range(8, 43))
        assert by_entry.result().text == later.result().text
        assert list(client.attach(point.session_id, point.message_id, later.resume_point)) == []


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        ({"reset": True}, sessionwire.StreamError),
        ({"status": 503}, sessionwire.InternalServerError),
    ],
    ids=["reset", "status"],
)
def test_g01_a_lost_stream_says_where_to_attach(
    refusal: dict[str, Any],
    kind: type[sessionwire.SessionwireError],
) -> None:
    with (
        Emulator(scenario=turns(*FOREVER), step_delay=0.0) as emulator,
        emulator.raccoon() as client,
    ):
        emulator.fail(on="socket", cut_after=2)
        emulator.fail(on="socket", times=0, **refusal)
        turn = client.session().start_turn("x", max_reconnects=1)
        with pytest.raises(kind) as caught:
            list(turn)
        error: Any = caught.value
        assert (error.session_id, error.last_event_id) == (turn.session_id, 2)
        emulator.clear_faults()
        again = client.attach(error.session_id, error.message_id, error.last_stream_entry_id)
        again.stop()
        assert [event.id for event in again] == [3]


def test_g02_results_and_failures() -> None:
    scenario = {
        "turns": [
            {"match": "fail", "steps": [{"text": "x"}, {"error": "No such shop"}]},
            {"match": "abort", "steps": [{"abort": "Budget"}]},
        ]
    }
    with Emulator(scenario=scenario, step_delay=0.0) as emulator, emulator.raccoon() as client:
        session = client.session()
        with pytest.raises(TaskError, match="No such shop") as caught:
            session.run_turn("fail")
        assert isinstance(caught.value.events[-1], TaskErrorEvent)
        assert caught.value.session_id == session.session_id
        assert pickle.loads(pickle.dumps(caught.value)).events == caught.value.events
        aborted = session.run_turn("abort")
        assert (aborted.status, aborted.reason) == ("aborted", "Budget")
        assert pickle.loads(pickle.dumps(aborted)) == aborted


def test_g04_timeouts_and_stops() -> None:
    with (
        Emulator(scenario=turns(*FOREVER), step_delay=0.0) as emulator,
        emulator.raccoon() as client,
    ):
        session = client.session()
        with pytest.raises(TaskTimeout, match="goes on") as caught:
            session.run_turn("x", timeout=0.3)
        assert caught.value.session_id == session.session_id
        assert caught.value.message_id
        stopped = client.attach(session.session_id, caught.value.message_id).stop()
        assert (stopped.confirmed, stopped.status) == (True, "aborted")
        with pytest.raises(TaskTimeout):
            session.run_turn("x", timeout=0.3, stop_on_timeout=True)
        assert [message.aborted for message in session.history().messages] == [
            False,
            True,
            False,
            True,
        ]


def test_g04_closing_the_client_ends_a_turn() -> None:
    with Emulator(scenario=turns(*FOREVER), step_delay=0.0) as emulator:
        client = emulator.raccoon()
        turn = client.session().start_turn("x")
        assert next(turn).kind == "message.received"
        assert next(turn).text == "x"
        Thread(target=client.close).start()
        with pytest.raises(sessionwire.APIConnectionError, match="closed"):
            next(turn)


def test_a_turn_names_its_messages_and_is_attached_without_its_past() -> None:
    scenario = turns({"text": "a"}, {"wait_for_message": True}, {"text": "b"})
    with (
        Emulator(scenario=scenario, step_delay=0.0) as emulator,
        emulator.raccoon() as client,
        client.session().start_turn("x") as turn,
    ):
        assert next(turn).kind == "message.received"
        assert (turn.user_message_id or "").startswith("msg_")
        assert turn.user_message_id != turn.message_id
        with client.attach(turn.session_id, turn.message_id, replay=False) as again:
            assert (again.user_message_id, again.workflow_id) == (None, None)
            again.send_message("go on")
            assert again.result().text == "ab"
        sockets = [one for one in emulator.requests() if one.path.startswith("/ws/sessions/")]
        assert ["last_stream_entry_id" in one.query for one in sockets] == [True, False]


def test_g05_a_session_is_deleted_on_exit_if_asked() -> None:
    with Emulator(scenario=turns({"complete": True})) as emulator, emulator.raccoon() as client:
        with client.session() as kept:
            kept.run_turn("x")
        with client.session(delete_on_exit=True) as gone:
            gone.run_turn("x")
        assert [session.session_id for session in client.sessions.list()] == [kept.session_id]


def test_g06_a_cancelled_wait_loses_no_event() -> None:
    async def main() -> list[int | None]:
        scenario = turns({"text": "a"}, {"wait_for_message": True}, {"text": "b"})
        async with (
            Emulator(scenario=scenario, step_delay=0.0) as emulator,
            emulator.async_raccoon() as client,
            client.session().start_turn("x") as turn,
        ):
            ids = [(await turn.__anext__()).id, (await turn.__anext__()).id]
            waiting = asyncio.ensure_future(turn.__anext__())
            await asyncio.sleep(0)
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting
            await turn.send_message("go on")
            ids += [event.id async for event in turn]
            return ids

    assert asyncio.run(main()) == [1, 2, 3, 4, 5]


def test_g07_the_key_is_shown_nowhere() -> None:
    secret = "sk-a/very secret+key"
    with Emulator(api_keys=[secret], scenario=turns(*FOREVER)) as emulator:
        client = emulator.raccoon(api_key=secret)
        turn = client.session().start_turn("x")
        next(turn)  # Its own socket stands: the faults are for the next one.
        shown = [repr(client), repr(turn), str(client._options)]
        for fault in ({"status": 401, "body": secret}, {"status": 404, "body": secret}):
            emulator.fail(on="socket", **fault)
            with pytest.raises(sessionwire.APIStatusError) as caught:
                client.attach(turn.session_id, turn.message_id).result()
            shown += [repr(caught.value), caught.value.body, str(caught.value.headers)]
        assert not any("secret" in text for text in shown), shown
        client.close()
        with pytest.raises(ConfigError, match="unencrypted"):
            Raccoon(api_key=secret, base_url="https://a.example", websocket_url="ws://a.example")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda client: client.session("no-uuid"), "UUID"),
        (lambda client: client.session().start_turn(" "), "prompt"),
        (lambda client: client.session().start_turn("x", mode=""), "mode"),
        (lambda client: client.session().start_turn("x", files="a.pdf"), "list"),
        (lambda client: client.session().start_turn("x", files=["/no/such/file"]), "/no/such"),
        (lambda client: client.session().rename(" "), "title"),
        (lambda client: client.session().rename("x" * 256), "255"),
        (lambda client: list(client.sessions.list(limit=101)), "limit"),
        (lambda client: client.attach(client.session().session_id, ""), "message_id"),
        (lambda client: client.session().upload(b"x", key="../x"), "key"),
        (lambda client: client.session().upload("/no/such/file"), "/no/such/file"),
        (lambda client: client.session().upload(None), "not None"),
        (lambda client: client.session().upload(7), "not 7"),
        (lambda client: client.session().run_turn("x", timeout=0), "timeout"),
        (lambda client: client.session().upload(io.StringIO("text")), "binary"),
    ],
)
def test_g08_bad_input_is_refused_here(call: Any, words: str) -> None:
    with Emulator() as emulator, emulator.raccoon() as client:
        with pytest.raises(InvalidRequestError, match=words):
            call(client)
        assert [request.path for request in emulator.requests() if request.status == 200] == []


def test_g09_unknown_kinds_pass_through() -> None:
    scenario = turns({"event": "task.phase", "payload": {"phase": 1}, "block_id": "b:1"})
    with Emulator(scenario=scenario) as emulator, emulator.raccoon() as client:
        events = list(client.session().start_turn("x"))
        odd = events[1]
        assert isinstance(odd, UnknownTurnEvent)
        assert isinstance(odd, TurnEvent)
        assert (odd.type, odd.kind, odd.payload, odd.block_id) == (
            "task.phase",
            "task.phase",
            {"phase": 1},
            "b:1",
        )
        assert pickle.loads(pickle.dumps(odd)) == odd


def test_g11_a_client_pickles_without_a_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Emulator() as emulator:
        monkeypatch.setenv("RACCOON_API_KEY", emulator.api_key)
        monkeypatch.setenv("RACCOON_BASE_URL", emulator.raccoon_url)
        with Raccoon() as client:
            packed = pickle.dumps(client)
            assert emulator.api_key.encode() not in packed
            with pickle.loads(packed) as copy:
                assert list(copy.sessions.list()) == []


def test_files_from_everywhere_with_progress(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"x" * 3_000_000)
    with Emulator(scenario=turns({"text": "read"})) as emulator, emulator.raccoon() as client:
        session = client.session()
        seen: list[tuple[int, int | None]] = []
        upload = session.upload(path, on_progress=lambda *now: seen.append(now))
        assert (upload.name, upload.type, upload.size) == ("data.csv", "text/csv", 3_000_000)
        assert seen[-1] == (3_000_000, 3_000_000)
        assert session.upload(b"# hi", name="a.md").key == f"{session.session_id}/a.md"
        with path.open("rb") as file:
            assert session.upload(file).size == 3_000_000
        assert session.upload(b"# ho", name="a.md").key == f"{session.session_id}/2/a.md"
        again = UploadedFile(**{name: getattr(upload, name) for name in upload.__slots__})
        assert session.run_turn("read", files=[upload, again, path]).text == "read"
        assert len(session.history().messages[0].files) == 3


def test_g08_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    pipe, place = tmp_path / "pipe", tmp_path / "socket"
    os.mkfifo(pipe)
    with (
        socket.socket(socket.AF_UNIX) as listening,
        Emulator() as emulator,
        emulator.raccoon() as client,
    ):
        listening.bind(str(place))
        session = client.session()
        before = len(list(Path("/proc/self/task").iterdir()))
        for path, what in [
            (pipe, "a named pipe"),
            (place, "a socket"),
            (tmp_path, "a directory"),
            (Path("/dev/null"), "a device"),
        ]:
            with pytest.raises(InvalidRequestError, match=f"{path.name}.*{what}.*regular file"):
                session.upload(path)
            with pytest.raises(InvalidRequestError, match=what):
                session.run_turn("read", files=[path])
        # One that is stuck at its opening would be one more for each.
        assert len(list(Path("/proc/self/task").iterdir())) < before + 4
        assert [request.status for request in emulator.requests("PUT")] == []


def test_a_cancelled_upload_ends() -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return b"x" * max(size, 0)

    def stop(sent: int, total: int | None) -> None:
        if sent > 100_000:
            raise KeyError(f"enough of {total}")

    with Emulator() as emulator, emulator.raccoon() as client:
        with pytest.raises(KeyError):
            client.session().upload(Endless(), on_progress=stop)  # type: ignore[arg-type]
        assert list(client.sessions.list()) == []


def test_the_list_is_read_page_by_page() -> None:
    with Emulator(scenario=turns({"complete": True})) as emulator, emulator.raccoon() as client:
        made = {client.run_turn(f"turn {n}").session_id for n in range(5)}
        assert {found.session_id for found in client.sessions.list(limit=2)} == made
        pages = [request for request in emulator.requests() if request.method == "GET"]
        assert len([page for page in pages if page.path == "/sessions"]) == 3
        assert client.max_concurrent == 10


def test_state_of_a_turn() -> None:
    scenario = turns(
        {"plan": [{"id": "1", "content": "Read", "status": "active"}]},
        {"snapshot": ["out.md"]},
        {"text": "half"},
        {"wait_for_message": True},
        {"text": " whole"},
    )
    with (
        Emulator(scenario=scenario, step_delay=0.0) as emulator,
        emulator.raccoon() as client,
        client.session().start_turn("x") as turn,
    ):
        for event in turn:
            if isinstance(event, TextEvent) and event.text == "half":
                break
        assert turn.plan == [{"id": "1", "content": "Read", "status": "active"}]
        assert list(turn.files) == ["out.md"]
        assert (turn.text, turn.status, turn.queue_position) == ("half", "running", 0)
        assert turn.send_message("go on").success
        assert turn.result().text == "half whole"
        assert turn.status == "completed"


def test_a_turn_waits_in_the_queue() -> None:
    with (
        Emulator(
            scenario=turns(*FOREVER), max_turns=1, queue_turns=True, step_delay=0.0
        ) as emulator,
        emulator.raccoon() as client,
        client.session().start_turn("first") as first,
        client.session().start_turn("second") as second,
    ):
        assert (second.status, second.queue_position) == ("queued", 1)
        assert first.stop().confirmed
        until = time.monotonic() + 10
        while second.queue_position and time.monotonic() < until:
            time.sleep(0.01)
        assert (second.status, second.queue_position) == ("running", 0)
        second.stop()


def test_the_options_of_a_client() -> None:
    with pytest.raises(ConfigError, match="RACCOON_API_KEY"):
        Raccoon()
    with pytest.raises(ConfigError, match="websocket_url"):
        Raccoon(api_key="some-key", websocket_url="https://a.example")
    with pytest.raises(ConfigError, match="wire"):
        Raccoon(api_key="some-key", wire={"prompt": []})
    with pytest.raises(ConfigError, match="`promt` is not known. Did you mean `prompt`"):
        Raccoon(api_key="some-key", wire={"promt": ["x"]})
    with Emulator() as emulator:
        with emulator.raccoon(wire={"prompt": ["task"]}) as client:
            client.run_turn("only as task")
        emulator.assert_requested("POST", "/sessions/new", json={"task": "only as task"})
        other = AsyncRaccoon(api_key="k-12345", base_url=emulator.raccoon_url)
        assert "k-12345" not in repr(other)


def test_a_turn_runs_in_a_session_by_its_id() -> None:
    with Emulator(scenario=turns({"text": "x"})) as emulator, emulator.raccoon() as client:
        first = client.run_turn("one")
        second = client.run_turn("two", session_id=first.session_id)
        assert second.session_id == first.session_id
        prompts = [m.content for m in client.sessions.get(first.session_id).messages[::2]]
        assert prompts == ["one", "two"]
        with pytest.raises(InvalidRequestError, match="no UUID"):
            client.run_turn("three", session_id="three")
