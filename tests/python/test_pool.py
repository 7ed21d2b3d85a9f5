"""Pools of sessions."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from helpers import eventually
from sessionwire import (
    Agi,
    APIConnectionError,
    AsyncSessionPool,
    Emulator,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    TaskTimeout,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(step_delay=0.0, browser="builtin", session_limit=5) as emulator:
        steps = [{"thought": "hm"}, {"done": "here"}]
        emulator.scenario({"tasks": [{"steps": steps, "once": False}]})
        yield emulator


class UserError(Exception):
    pass


def fail_some(emulator: Emulator) -> None:
    """With the six tasks whose users fail, ten failures."""
    emulator.fail(on="create", status=403, times=2)
    emulator.fail(on="delete", status=500, times=2)


def test_g05_a_hundred_tasks_share_five_sessions_through_ten_failures(emulator: Emulator) -> None:
    fail_some(emulator)

    def work(number: int) -> str:
        with pool.session() as session:
            session.run_task("go")
            assert emulator.session_count <= 5
            if number % 17 == 5:
                raise UserError
        return "done"

    with emulator.agi() as client, client.sessions.pool(8) as pool:
        with ThreadPoolExecutor(20) as threads:
            futures = [threads.submit(work, number) for number in range(100)]
        failed = [future for future in futures if future.exception() is not None]
        assert 6 <= len(failed) <= 8
    assert emulator.session_count == 0


def test_g05_a_hundred_tasks_share_five_sessions_async(emulator: Emulator) -> None:
    fail_some(emulator)

    async def main() -> None:
        async with emulator.async_agi() as client, client.sessions.pool(8) as pool:

            async def work(number: int) -> str:
                async with pool.session() as session:
                    await session.run_task("go")
                    assert emulator.session_count <= 5
                    if number % 17 == 5:
                        raise UserError
                return "done"

            outcomes = await asyncio.gather(
                *(work(number) for number in range(100)), return_exceptions=True
            )
            assert len([each for each in outcomes if each != "done"]) == 8
        assert emulator.session_count == 0

    asyncio.run(main())


def test_a_session_is_used_again_unless_its_block_raised(emulator: Emulator) -> None:
    with emulator.agi() as client, client.sessions.pool(1) as pool:
        with pool.session() as session:
            first = session.session_id
        with pytest.raises(UserError), pool.session() as session:
            assert session.session_id == first
            raise UserError
        with pool.session() as session:
            assert session.session_id != first
        assert emulator.session_count == 1
    assert emulator.session_count == 0


def test_g08_a_session_that_was_given_back_cannot_be_used(emulator: Emulator) -> None:
    with emulator.agi() as client, client.sessions.pool(1) as pool:
        with pool.session() as kept:
            task = kept.start_task("go")
            task.result()
            stream = kept.events(include_history=False)
            # Those of the task and of the stream: none is on its way when it is given back.
            streams = "/v1/sessions/*/events"
            eventually(lambda: len(emulator.requests("GET", streams)) == 2, "the streams")
        requests = len(emulator.requests())
        for use in (
            kept.refresh,
            kept.messages,
            kept.execution_status,
            kept.screenshot,
            kept.pause,
            kept.delete,
            task.status,
            lambda: kept.send_message("again"),
            lambda: kept.start_task("again"),
            lambda: kept.run_task("again"),
            lambda: kept.prepare_task("again"),
            lambda: kept.navigate("https://shop.example"),
            lambda: next(kept.follow_messages()),
            lambda: next(iter(kept.events())),
            lambda: next(stream),
        ):
            with pytest.raises(InvalidRequestError, match="was given back to its pool"):
                use()
        with pytest.warns(ResourceWarning, match="was given back to its pool"), kept:
            pass
        assert len(emulator.requests()) == requests
        with pool.session() as session:
            assert session.session_id == kept.session_id
            assert session.run_task("go").text == "here"
            with pytest.raises(InvalidRequestError, match="was given back to its pool"):
                kept.send_message("into the next one's session")
    assert emulator.session_count == 0


def test_g08_a_session_that_was_given_back_cannot_be_used_async(emulator: Emulator) -> None:
    async def main() -> None:
        async with emulator.async_agi() as client, client.sessions.pool(1) as pool:
            async with pool.session() as kept:
                await kept.run_task("go")
                stream = kept.events(include_history=False)
                waiting = asyncio.ensure_future(anext(stream))
            with pytest.raises(InvalidRequestError, match="was given back to its pool"):
                await waiting
            with pytest.raises(InvalidRequestError, match="was given back to its pool"):
                await kept.messages()
            with pytest.raises(InvalidRequestError, match="was given back to its pool"):
                await kept.start_task("again")
            with pytest.raises(InvalidRequestError, match="was given back to its pool"):
                kept.events()
            async with pool.session() as session:
                assert (await session.run_task("go")).text == "here"

    asyncio.run(main())


def test_a_session_that_the_service_lost_is_given_to_nobody(emulator: Emulator) -> None:
    with emulator.agi() as client, emulator.agi() as other, client.sessions.pool(1) as pool:
        with pool.session() as session:
            first = session.session_id
        other.sessions.delete(first)
        with pool.session() as session:
            assert session.session_id != first
            other.sessions.delete(session.session_id)
            with pytest.raises(NotFoundError):
                session.refresh()


def test_a_session_that_is_too_old_is_replaced(emulator: Emulator) -> None:
    with emulator.agi() as client, client.sessions.pool(1, max_age=1e-9) as pool:
        ids = set()
        for _ in range(3):
            with pool.session() as session:
                ids.add(session.session_id)
        assert len(ids) == 3
        assert emulator.session_count == 0


def test_g04_a_wait_has_an_end(emulator: Emulator) -> None:
    with emulator.agi() as client:
        with client.sessions.pool(1) as pool, pool.session():
            with pytest.raises(TaskTimeout, match="1 of at most 1"), pool.session(timeout=0.02):
                pass
            with ThreadPoolExecutor(1) as threads:
                waiting = threads.submit(pool.session().__enter__)
                pool.close()
                with pytest.raises(APIConnectionError, match="pool is closed"):
                    waiting.result()
        pool = client.sessions.pool(1)
        with pool.session(), ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(pool.session().__enter__)
            client.close()
            with pytest.raises(APIConnectionError, match="client is closed"):
                waiting.result()
    assert emulator.session_count == 0


def test_a_limit_of_the_service_is_waited_for(emulator: Emulator) -> None:
    with emulator.agi() as client, client.sessions.pool(2) as pool:
        others = [client.sessions.create() for _ in range(5)]
        with pytest.raises(RateLimitError), pool.session():
            pass
        with ThreadPoolExecutor(1) as threads:
            heard = len(emulator.requests("POST", status=503))
            waiting = pool.session(timeout=30)
            entered = threads.submit(waiting.__enter__)
            eventually(
                lambda: len(emulator.requests("POST", status=503)) > heard, "a refused create"
            )
            others[0].delete()
            entered.result()
            waiting.__exit__(None, None, None)


def test_g06_a_cancelled_wait_gives_its_place_on(emulator: Emulator) -> None:
    async def take(pool: AsyncSessionPool) -> None:
        async with pool.session():
            pass

    async def main() -> None:
        async with emulator.async_agi() as client, client.sessions.pool(1) as pool:
            for turns in range(50):
                tasks = [asyncio.ensure_future(take(pool)) for _ in range(5)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            async with pool.session(timeout=10):
                pass
        assert emulator.session_count == 0

    asyncio.run(main())


@pytest.mark.skipif(os.name == "nt", reason="sends a signal to itself")
def test_g06_ctrl_c_ends_a_wait(emulator: Emulator) -> None:
    with emulator.agi() as client, client.sessions.pool(1) as pool, pool.session():
        sent = 0.0

        def interrupt() -> None:
            nonlocal sent
            sent = time.monotonic()
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(0.1, interrupt)
        timer.start()
        with pytest.raises(KeyboardInterrupt), pool.session():
            pass
        assert time.monotonic() - sent < 0.1
        timer.join()
    assert emulator.session_count == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_g11_a_forked_child_cannot_use_the_pool(emulator: Emulator) -> None:
    with emulator.agi() as client, client.sessions.pool(1) as pool:
        child = os.fork()
        if child == 0:
            try:
                pool.session().__enter__()
            except Exception as error:
                os._exit(0 if "fork" in str(error) else 2)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        with pool.session():
            pass


def test_g08_a_pool_of_no_use_is_refused() -> None:
    with Agi(api_key="key", base_url="http://127.0.0.1:1") as client:
        with pytest.raises(InvalidRequestError, match="max_sessions"):
            client.sessions.pool(0)
        words = "`max_sessions` must be a whole number, 1 or more, not -1"
        with pytest.raises(InvalidRequestError, match=words):
            client.sessions.pool(-1)
        with pytest.raises(InvalidRequestError, match="max_age"):
            client.sessions.pool(1, max_age=0)
        with pytest.raises(InvalidRequestError, match="webhook_url"):
            client.sessions.pool(1, webhook_url="ftp://shop.example")
