"""Outbox: from the table's stream to the bus."""

import hub  # noqa: F401 - before anything else, so that no import is slowed down by the garbage collector
