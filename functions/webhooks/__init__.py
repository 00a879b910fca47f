"""Webhooks: what subscribes to events, and how every event gets there."""

import hub  # noqa: F401 - before anything else, so that no import is slowed down by the garbage collector
