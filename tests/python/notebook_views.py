"""Views with chosen text in every field that a service, an agent or a page may fill.

python tests/python/notebook_views.py        # prints them as JSON: {name: HTML}
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sessionwire import (
    Emulator,
    Message,
    Messages,
    Screenshot,
    TaskError,
    TaskOutcome,
    TaskResult,
    TurnOutcome,
    TurnResult,
)
from sessionwire._models import Listed

# Text that would run, load, lead away or lie if it were not text. `ran` is what scripts set.
HOSTILE = (
    "<script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 2'>",
    '"><svg onload=window.ran=3><a href="javascript:window.ran=3">x</a>',
    "'-window.ran=4-' onmouseover='window.ran=4' style='position:fixed;inset:0'",
    "</bdi></td></table></div><iframe srcdoc='<script>parent.ran = 5</script>'></iframe>",
    "javascript:window.ran=6//http://shop.example",
    'http://shop.example/" onclick="window.ran=7" x="',
    "data:text/html,<script>opener.ran=8</script>",
    "<style>*{display:none}</style><base href='https://evil.example/'>",
    "$\\href{javascript:window.ran=10}{click}$ \\(\\require{html}\\class{x}{y}\\) $$x$$",
    "\u202egnp.exe\u202c\u2066\u0000\u0007\x1b]8;;http://evil.example\x07x\x9b2J",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'><form action=//evil.example>"
    "<input name=q autofocus onfocus='window.ran=12'><!-- ]]> {{x}} ${y} `z`",
)

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da6364f80f"
    "00010501012718e3660000000049454e44ae426082"
)
TIME = datetime(2026, 3, 4, 9, 15, 27, tzinfo=UTC)


def views(said: str) -> dict[str, str]:
    """Every view that has no stream, with this text wherever one may stand."""
    nested = {said: [said, {said: said}]}
    messages = Listed(
        Message(n, kind, content, TIME, nested, nested)
        for n, kind in enumerate(("USER", "THOUGHT", "QUESTION", "DONE", "ERROR", said))
        for content in (said, nested)
    )
    result = TaskResult(said, nested, 1, messages, 2.5, nested, said)
    steps = [{"content": said, "status": word} for word in ("completed", "active", said)]
    turn = TurnResult(said, False, said, said, [*steps, said], nested, said, said, 1.0, nested)  # type: ignore[list-item]
    with Emulator() as emulator, emulator.agi() as client:
        session = client.sessions.create()
        sessions = client.sessions.list()
        for one in (session, *sessions):
            one._update(
                {
                    "session_id": said,
                    "agent_name": said,
                    "status": said,
                    "created_at": said,
                    "vnc_url": said,
                    "goal": said,
                }
            )
        session._picture = Screenshot(PIXEL, "image/png", 1, 1, said, said)
        shown: dict[str, Any] = {
            "TaskResult": result,
            "TurnResult": turn,
            "Messages": Messages(messages, said),
            "list of messages": messages,
            "Screenshot": session._picture,
            "Screenshot of an unknown type": Screenshot(PIXEL, said, 1, 1, said, said),
            "Session": session,
            "list of sessions": sessions,
            "TaskOutcome": TaskOutcome(said, 0, result, None, said),
            "TaskOutcome with an error": TaskOutcome(said, 0, None, TaskError(said), said, True),
            "TurnOutcome": TurnOutcome(nested, 0, said, said, True, turn),
        }
        pages = {name: view._repr_html_() for name, view in shown.items()}
        client.sessions.delete_all()
    return {**pages, "Task": task_view(said), "Turn": turn_view(said)}


def task_view(said: str) -> str:
    """A task that waits for an answer."""
    steps = [{"thought": said}, {"log": said}, {"step": said}, {"question": said}]
    with Emulator(step_delay=0.0) as emulator, emulator.agi() as client:
        emulator.scenario({"tasks": [{"steps": steps}]})
        with client.sessions.create() as session, session.start_task("Begin") as task:
            for event in task:
                if event.type == "question":
                    break
            return task._repr_html_()


def turn_view(said: str) -> str:
    """A turn that plans, works and ends."""
    with Emulator(step_delay=0.0) as emulator, emulator.raccoon() as client:

        def work(turn: Any, agent: Any) -> str:
            agent.think(said)
            agent.plan([{"id": "1", "content": said, "status": "active"}])
            return said

        emulator.turn_agent(work)
        with client.session().start_turn(f"Begin {said}") as turn:
            turn.result()
            return turn._repr_html_()


if __name__ == "__main__":
    print(json.dumps([views(text) for text in HOSTILE]))  # noqa: T201
