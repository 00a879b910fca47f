"""Devices: their identities, what is said to them and what they say."""

import hub  # noqa: F401 - before anything else, so that no import is slowed down by the garbage collector
