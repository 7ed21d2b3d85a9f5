"""What holds for turns as it does for tasks, beside the shared cases."""

from __future__ import annotations

import asyncio
import gc
import logging
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from helpers import TurnFlood, eventually
from sessionwire import AsyncRaccoon, Emulator, Raccoon, TaskTimeout
from test_turns import FOREVER, turns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

FLOOD = 60_000


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(scenario=turns(*FOREVER), step_delay=0.0) as emulator:
        yield emulator


def sockets_are_free(emulator: Emulator) -> None:
    gc.collect()
    eventually(lambda: emulator.open_streams == 0, "the sockets are free")


def test_g05_a_turn_that_is_let_go_frees_its_socket(emulator: Emulator) -> None:
    with emulator.raccoon() as client:
        turn = client.session().start_turn("x")
        next(turn)
        assert emulator.open_streams == 1
        del turn
        sockets_are_free(emulator)
        with pytest.raises(KeyError), client.session().start_turn("x") as turn:
            for _event in turn:
                raise KeyError
        sockets_are_free(emulator)


def test_g05_a_turn_that_is_let_go_frees_its_socket_async(emulator: Emulator) -> None:
    async def main() -> None:
        async with emulator.async_raccoon() as client:
            turn = await client.session().start_turn("x")
            await anext(turn)
            assert emulator.open_streams == 1
            del turn
            sockets_are_free(emulator)
            with pytest.raises(KeyError):
                async with client.session().start_turn("x") as turn:
                    async for _event in turn:
                        raise KeyError
            sockets_are_free(emulator)

    asyncio.run(main())


class Mine(BaseException):
    pass


def ways_out() -> list[Any]:
    def raises(kind: type[BaseException]) -> Any:
        def way(session: Any) -> None:
            raise kind

        return pytest.param(way, kind, id=kind.__name__)

    def times_out(session: Any) -> Any:
        return session.run_turn("for ever", timeout=0.05)

    kinds = [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, Mine]
    return [*map(raises, kinds), pytest.param(times_out, TaskTimeout, id="TaskTimeout")]


def check_report(
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
    seen: list[warnings.WarningMessage],
    fails: bool,
) -> None:
    assert len(emulator.requests("DELETE", "/sessions/*")) == 1
    reports = [str(one.message) for one in seen if one.category is ResourceWarning]
    logged = [
        record.getMessage()
        for record in caplog.records
        if record.name == "sessionwire" and record.levelno >= logging.WARNING
    ]
    assert (len(reports), len(logged)) == (int(fails), int(fails)), reports
    for text in reports + logged:
        assert "could not be deleted" in text
        assert "answered 403: No" in text


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(("way", "kind"), ways_out())
def test_g05_every_way_out_deletes(
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
    way: Any,
    kind: type[BaseException],
    fails: bool,
) -> None:
    if fails:
        emulator.fail(on="delete", status=403, body={"detail": "No"})
    with warnings.catch_warnings(record=True) as seen, emulator.raccoon() as client:
        warnings.simplefilter("always")
        with pytest.raises(kind), client.session(delete_on_exit=True) as session:
            with session.start_turn("x", mode="plan") as turn:
                turn.stop()
            way(session)
    check_report(emulator, caplog, seen, fails)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(("way", "kind"), ways_out())
def test_g05_every_way_out_deletes_async(
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
    way: Any,
    kind: type[BaseException],
    fails: bool,
) -> None:
    if fails:
        emulator.fail(on="delete", status=403, body={"detail": "No"})

    async def main() -> None:
        async with emulator.async_raccoon() as client:
            with pytest.raises(kind):
                async with client.session(delete_on_exit=True) as session:
                    async with session.start_turn("x") as turn:
                        await turn.stop()
                    waiting = way(session)
                    await waiting

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        asyncio.run(main())
    check_report(emulator, caplog, seen, fails)


def test_g05_a_generator_that_is_closed_frees_the_socket(emulator: Emulator) -> None:
    def inside(client: Raccoon) -> Iterator[str]:
        with client.session().start_turn("x") as turn:
            for event in turn:
                yield event.text

    async def inside_async(client: AsyncRaccoon) -> AsyncIterator[str]:
        async with client.session().start_turn("x") as turn:
            async for event in turn:
                yield event.text

    with emulator.raccoon() as client:
        generator = inside(client)
        assert next(generator) == "x"
        generator.close()  # type: ignore[attr-defined]
        sockets_are_free(emulator)

    async def main() -> None:
        async with emulator.async_raccoon() as client:
            generator = inside_async(client)
            assert await anext(generator) == "x"
            await generator.aclose()  # type: ignore[attr-defined]
            sockets_are_free(emulator)

    asyncio.run(main())


@pytest.mark.parametrize("call", ["result", "stop", "send_message", "run_turn", "upload"])
def test_g06_a_cancelled_call_of_a_turn_leaves_it_usable_async(
    emulator: Emulator, call: str
) -> None:
    async def main() -> None:
        async with emulator.async_raccoon() as client:
            session = client.session()
            emulator.fail(on="socket", ignore_frames=True)
            emulator.fail(on="upload", hang=True)
            async with session.start_turn("x") as turn:
                ids = [(await anext(turn)).id, (await anext(turn)).id]
                calls: dict[str, Any] = {
                    "result": turn.result,
                    "stop": lambda: turn.stop(timeout=60),
                    "send_message": lambda: turn.send_message("x"),
                    "run_turn": lambda: client.run_turn("x"),
                    "upload": lambda: session.upload(b"x"),
                }
                calling = asyncio.ensure_future(calls[call]())
                if call in ("run_turn", "upload"):
                    path = {"run_turn": "/sessions/new", "upload": "/media/upload"}[call]
                    count = {"run_turn": 2, "upload": 1}[call]
                    while len(emulator.requests(path=path)) < count:
                        await asyncio.sleep(0)
                    calling.cancel()
                else:
                    # In the turn of the loop that starts it: no reply comes before.
                    asyncio.get_running_loop().call_soon(calling.cancel)
                with pytest.raises(asyncio.CancelledError):
                    await calling
                emulator.clear_faults()
                if call == "upload":
                    assert (await session.upload(b"x")).size == 1
                async with client.attach(session.session_id, turn.message_id) as other:
                    assert (await other.stop()).confirmed
                ids += [event.id async for event in turn]
                assert ids == [1, 2, 3]
                assert (await turn.result()).status == "aborted"

    asyncio.run(main())


def test_g10_a_slow_reader_of_a_turn_holds_the_server_back() -> None:
    with (
        TurnFlood(last=FLOOD) as server,
        Raccoon(base_url=server.url, api_key="some-key") as client,
        client.session().start_turn("x") as turn,
    ):
        ids = [next(turn).id]
        assert server.held.wait(60), "the server was never held back"
        assert server.sent < 40 * 1024 * 1024
        server.go_on.set()
        ids += [event.id for event in turn]
        assert turn.result().text == "done"
    assert ids == list(range(1, FLOOD + 1))


def test_g10_a_slow_reader_of_a_turn_holds_the_server_back_async() -> None:
    async def main(server: TurnFlood) -> list[int | None]:
        async with (
            AsyncRaccoon(base_url=server.url, api_key="some-key") as client,
            client.session().start_turn("x") as turn,
        ):
            ids = [(await anext(turn)).id]
            assert await asyncio.to_thread(server.held.wait, 60), "the server was never held back"
            assert server.sent < 40 * 1024 * 1024
            server.go_on.set()
            ids += [event.id async for event in turn]
            assert (await turn.result()).text == "done"
            return ids

    with TurnFlood(last=FLOOD) as server:
        assert asyncio.run(main(server)) == list(range(1, FLOOD + 1))
