"""The live channel: whoever holds a WebSocket open on `/ws` is told what happens as it happens (document 5)."""

import hub  # noqa: F401 - before anything else, so that no import is slowed down by the garbage collector
