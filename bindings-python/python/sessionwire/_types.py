"""Shapes of parameters, for type checkers only: nothing imports this at run time."""

import os
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from ._turn_models import UploadedFile


class CreateOptions(TypedDict, total=False):
    """The keywords of `client.sessions.create`."""

    webhook_url: str | None
    restore_from_session_id: str | None
    restore_default_environment_from_user_id: str | None
    enable_memory_snapshot: bool | None
    save_snapshot_mode: str | None
    save_as_default: bool | None
    goal: str | None
    max_steps: int | None
    restore_from_environment_id: str | None
    agent_session_type: str | None
    cdp_url: str | None
    environment_type: str | None
    extra_body: Mapping[str, Any] | None
    wait_for_limit: float | None


class TurnOptions(TypedDict, total=False):
    """The further keywords of `session.start_turn`."""

    files: Iterable[str | os.PathLike[str] | UploadedFile]
    sdk_version: str | None
    base_prompt: str | None
    references: list[dict[str, Any]] | None
    history: list[Any] | None
    continuation: str | None
    extra: Mapping[str, Any] | None
    max_reconnects: int
    ping_interval: float
    idle_timeout: float
    replay: bool
