"""A turn that outlives its process: its handle, in the cases of every language."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

import pytest

from test_contract import FOLDER, cases
from test_handles import Play, play, settled


class TurnPlay(Play):
    """One session of a case, with clients of either kind: of Raccoon."""

    agent: ClassVar = {"turns": json.loads((FOLDER / "turn_handles.json").read_text())["agent"]}
    clients_of = ("raccoon", "async_raccoon")
    sends = "/sessions/new"

    async def begin(self) -> None:
        own, other = self.clients
        self.session = own.session()
        self.other = self.attach(other)

    def attach(self, client: Any) -> Any:
        return client.session(self.session.session_id)

    def start(self, task: str) -> Any:
        return self.session.start_turn(task)

    def run(self, session: Any, task: str) -> Any:
        return session.run_turn(task)

    def prepare(self, step: dict[str, Any]) -> Any:
        return self.session.prepare_turn(step["task"], **step.get("options", {}))

    async def wait(self) -> None:
        while (await settled(self.other.last_turn())).status == "running":
            await asyncio.sleep(0.005)

    def message(self, text: str) -> Any:
        return self.task.send_message(text)


@pytest.mark.parametrize("case", cases("turn_handles.json"))
def test_g01_g03_turn_handles(case: dict[str, Any]) -> None:
    asyncio.run(play(case, TurnPlay, waits=True))


@pytest.mark.parametrize("case", cases("turn_handles.json"))
def test_g01_g03_turn_handles_async(case: dict[str, Any]) -> None:
    asyncio.run(play(case, TurnPlay, waits=False))
