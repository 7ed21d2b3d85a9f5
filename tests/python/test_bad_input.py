"""Bad input: each is a clear error that says what to do next."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest

from sessionwire import (
    Agi,
    APIConnectionError,
    APIStatusError,
    AsyncAgi,
    AuthenticationError,
    ConfigError,
    Emulator,
    InvalidRequestError,
    SessionwireError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Case = tuple[str, "Callable[[Any], Any]", type[SessionwireError], str, str]

# What is done with a session (in async: awaited), the error, what its text
# says, and what it advises.
LOCAL: list[Case] = [
    ("long-message", lambda s: s.send_message("x" * 11_000), InvalidRequestError, "11000", "Short"),
    ("empty-message", lambda s: s.send_message(""), InvalidRequestError, "empty", "Say what"),
    ("long-task", lambda s: s.run_task("x" * 11_000), InvalidRequestError, "11000", "Shorten"),
    (
        "no-scheme",
        lambda s: s.navigate("shop.example/cart"),
        InvalidRequestError,
        "no sch",
        "https",
    ),
    ("odd-scheme", lambda s: s.navigate("ftp://shop.example"), InvalidRequestError, "ftp", "https"),
    ("no-text", lambda s: s.send_message(42), InvalidRequestError, "must be a str", "int 42"),
    ("negative", lambda s: s.messages(after_id=-1), InvalidRequestError, "after_id", "Pass 0"),
    (
        "odd-timeout",
        lambda s: s.run_task("x", timeout=0),
        InvalidRequestError,
        "timeout",
        "positive",
    ),
    (
        "default-without-mode",
        lambda s: s.delete(save_as_default=True),
        InvalidRequestError,
        "save_as_default",
        "save_snapshot_mode",
    ),
    (
        "odd-mode",
        lambda s: s.delete(save_snapshot_mode="disk"),
        InvalidRequestError,
        '"disk"',
        "Use none",
    ),
]


@pytest.mark.parametrize(
    ("act", "kind", "says", "advises"), [c[1:] for c in LOCAL], ids=[c[0] for c in LOCAL]
)
def test_g08_refused_before_any_request(
    emulator: Emulator,
    act: Callable[[Any], Any],
    kind: type[SessionwireError],
    says: str,
    advises: str,
) -> None:
    with emulator.agi() as client:
        session = client.sessions.attach("some-session")
        with pytest.raises(kind, match=says) as caught:
            act(session)
        assert advises in str(caught.value)
        assert isinstance(caught.value, ValueError)

    async def main() -> None:
        async with emulator.async_agi() as client:
            with pytest.raises(kind, match=says):
                await act(client.sessions.attach("some-session"))

    asyncio.run(main())
    assert emulator.requests() == []


@pytest.mark.parametrize("session_id", ["", ".", ".."])
def test_g08_a_session_id_is_no_path(emulator: Emulator, session_id: str) -> None:
    with emulator.agi() as client:
        for call in (client.sessions.get, client.sessions.delete):
            with pytest.raises(InvalidRequestError, match="session_id.*Pass the id"):
                call(session_id)
        if not session_id:
            with pytest.raises(InvalidRequestError, match="session_id.*Pass the id"):
                client.sessions.attach(session_id)
        else:
            with pytest.raises(InvalidRequestError, match="session_id"):
                client.sessions.attach(session_id).events()

    async def main() -> None:
        async with emulator.async_agi() as client:
            with pytest.raises(InvalidRequestError, match="session_id"):
                await client.sessions.delete(session_id)

    asyncio.run(main())
    assert emulator.requests() == []


@pytest.mark.parametrize("make", [Agi, AsyncAgi])
def test_configuration(make: Callable[..., object], tmp_path: Any) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "AGI_API_KEY.*Emulator"),
        ({"api_key": " "}, "AGI_API_KEY.*Emulator"),
        ({"api_key": "a\nb"}, "Copy the key again"),
        ({"api_key": "key", "base_url": ""}, "base_url.*empty.*Give an address"),
        ({"api_key": "key", "base_url": "shop.example"}, "base_url.*Give an address"),
        ({"api_key": "key", "base_url": "http://shop.example"}, "allow_insecure_http"),
        ({"api_key": "key", "ca_file": tmp_path / "none.pem"}, r"none\.pem.*Give a PEM file"),
        ({"api_key": "key", "timeout": 0}, "timeout.*positive"),
        ({"api_key": "key", "max_retries": -1}, "-1"),
        ({"api_key": "key", "proxy": "::"}, "proxy.*Give one such as"),
        ({"api_key": 42}, "`api_key` must be a str or None, not int"),
    ]
    for options, text in cases:
        with pytest.raises(ConfigError, match=text):
            make(**options)


def test_a_wrong_key(emulator: Emulator) -> None:
    with (
        Emulator(api_keys=["right-key"]) as strict,
        Agi(base_url=strict.url, api_key="wrong-key-123") as client,
    ):
        with pytest.raises(AuthenticationError, match="Check the API key") as caught:
            client.sessions.create()
        assert caught.value.status_code == 401
        assert caught.value.headers["content-type"].startswith("application/json")
        assert "Invalid or missing API key" in caught.value.body
        assert "wrong-key-123" not in repr(caught.value) + str(caught.value)


def test_an_unreachable_host() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Agi(base_url=url, api_key="key", max_retries=0) as client:
            with pytest.raises(APIConnectionError, match="Check the network") as caught:
                client.sessions.list()
            assert not caught.value.maybe_delivered

        async def main() -> None:
            async with AsyncAgi(base_url=url, api_key="key", max_retries=0) as client:
                with pytest.raises(APIConnectionError):
                    await client.sessions.create()

        asyncio.run(main())


def test_a_call_has_a_deadline(emulator: Emulator) -> None:
    emulator.fail(on="list", hang=True, times=0)
    with (
        emulator.agi(timeout=0.2) as client,
        pytest.raises(TimeoutError, match="timeout") as caught,
    ):
        client.sessions.list()
    assert isinstance(caught.value, APIConnectionError)


def test_an_error_carries_what_the_service_said(emulator: Emulator) -> None:
    emulator.fail(
        on="list",
        status=429,
        headers={"Retry-After": "7", "X-Request-Id": "req-1"},
        body={"detail": {"message": "Slow down", "code": "too_fast"}},
    )
    with emulator.agi(max_retries=0) as client, pytest.raises(APIStatusError) as caught:
        client.sessions.list()
    error = caught.value
    assert type(error).__name__ == "RateLimitError"
    assert (error.status_code, error.code, error.retry_after) == (429, "too_fast", 7.0)
    assert (error.request_id, error.message) == ("req-1", "Slow down")


def test_types_that_json_lacks(emulator: Emulator) -> None:
    with emulator.agi() as client:
        for value, text in [
            ({1: "one"}, "not a string"),
            (object(), "type object"),
            (float("nan"), "not a number"),
            (2**70, "64 bits"),
            ("\ud800", "surrogate"),
        ]:
            with pytest.raises(InvalidRequestError, match=text):
                client.request("POST", "/sessions", body=value)
        deep: list[Any] = []
        for _ in range(500):
            deep = [deep]
        with pytest.raises(InvalidRequestError, match="levels deep"):
            client.request("POST", "/sessions", body=deep)
        with pytest.raises(InvalidRequestError, match="list of types"):
            client.sessions.attach("x").events(event_types="done")
    assert emulator.requests() == []
