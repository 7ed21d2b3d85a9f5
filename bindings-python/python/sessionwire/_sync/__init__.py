"""Generated from `_async/__init__.py` by `make generate`: change that file, and run it."""

from .agi.agent import Agent
from .agi.client import Agi
from .agi.pool import SessionPool
from .agi.session import Session
from .agi.sessions import Sessions
from .agi.task import Task
from .raccoon.agent import TurnAgent
from .raccoon.client import Raccoon
from .raccoon.events import TurnEventStream
from .raccoon.fanout import TurnOutcomes
from .raccoon.media import Media
from .raccoon.session import RaccoonSession
from .raccoon.sessions import RaccoonSessions
from .raccoon.turn import Turn

__all__ = [
    "Agent",
    "Agi",
    "Media",
    "Raccoon",
    "RaccoonSession",
    "RaccoonSessions",
    "Session",
    "SessionPool",
    "Sessions",
    "Task",
    "Turn",
    "TurnAgent",
    "TurnEventStream",
    "TurnOutcomes",
]

for _name in __all__:
    globals()[_name].__module__ = "sessionwire"
