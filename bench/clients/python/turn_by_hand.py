"""What the peers of a turn share: what starts it, and where its WebSocket is."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from measure import API_KEY

HEADERS = {"Authorization": f"Bearer {API_KEY}"}


def start(prompt: str) -> dict[str, str]:
    """The body of the request that starts a turn."""
    return {"session_id": str(uuid.uuid4()), "prompt": prompt, "mode": "auto"}


def socket_url(base_url: str, started: Mapping[str, Any]) -> str:
    """The address of a started turn's WebSocket."""
    parameters = {
        "token": API_KEY,
        "message_id": started["agent_message_id"],
        "last_stream_entry_id": "0-0",
    }
    address = base_url.replace("http", "ws", 1)
    return f"{address}/ws/sessions/{started['session_id']}?{urlencode(parameters)}"
