"""What may be a mistake is warned of, in the cases of every language."""

from __future__ import annotations

import asyncio
import typing
import warnings
from typing import Any

import pytest

from sessionwire import Emulator, _native
from sessionwire._agi import types
from test_contract import cases


def check(caught: list[warnings.WarningMessage], case: dict[str, Any]) -> None:
    assert [str(one.message) for one in caught] == case["warns"]
    assert all(one.category is UserWarning and one.filename == __file__ for one in caught)


@pytest.mark.parametrize("case", cases("warnings.json"))
def test_g08_warnings(case: dict[str, Any]) -> None:
    with Emulator() as emulator, emulator.agi() as client, client.sessions.create() as session:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if case["call"] == "events":
                session.events(event_types=case["event_types"]).close()
            else:
                session.start_task("go", event_types=case["event_types"]).close()
        check(caught, case)


@pytest.mark.parametrize("case", cases("warnings.json"))
def test_g08_warnings_async(case: dict[str, Any]) -> None:
    async def main() -> None:
        async with (
            Emulator() as emulator,
            emulator.async_agi() as client,
            client.sessions.create() as session,
        ):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                if case["call"] == "events":
                    await session.events(event_types=case["event_types"]).close()
                else:
                    await (await session.start_task("go", event_types=case["event_types"])).close()
            check(caught, case)

    asyncio.run(main())


def test_editors_complete_the_types_that_are_known() -> None:
    offered = {
        name
        for part in typing.get_args(types.EventTypeName)
        if part is not str
        for name in typing.get_args(part)
    }
    assert offered
    assert [name for name in offered if _native.unknown_event_type(name)] == []
    said = _native.unknown_event_type("like no other") or ""
    known = said.partition("Known are ")[2].removesuffix(".").split(", ")
    assert set(known) == offered


def test_editors_complete_the_modes_of_a_snapshot() -> None:
    mode, other = typing.get_args(types.SnapshotMode)
    assert other is str
    for name in typing.get_args(mode):
        _native.check({"check": "snapshot", "save_snapshot_mode": name})
