"""The clients, handles and agents: written once, here. `_sync` is generated from this folder."""

from .agi.agent import AsyncAgent
from .agi.client import AsyncAgi
from .agi.pool import AsyncSessionPool
from .agi.session import AsyncSession
from .agi.sessions import AsyncSessions
from .agi.task import AsyncTask
from .raccoon.agent import AsyncTurnAgent
from .raccoon.client import AsyncRaccoon
from .raccoon.events import AsyncTurnEventStream
from .raccoon.fanout import AsyncTurnOutcomes
from .raccoon.media import AsyncMedia
from .raccoon.session import AsyncRaccoonSession
from .raccoon.sessions import AsyncRaccoonSessions
from .raccoon.turn import AsyncTurn

__all__ = [
    "AsyncAgent",
    "AsyncAgi",
    "AsyncMedia",
    "AsyncRaccoon",
    "AsyncRaccoonSession",
    "AsyncRaccoonSessions",
    "AsyncSession",
    "AsyncSessionPool",
    "AsyncSessions",
    "AsyncTask",
    "AsyncTurn",
    "AsyncTurnAgent",
    "AsyncTurnEventStream",
    "AsyncTurnOutcomes",
]

for _name in __all__:
    globals()[_name].__module__ = "sessionwire"
