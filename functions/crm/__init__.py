"""Customers and what they order (document 3)."""

import hub  # noqa: F401 - before anything else, so that no import is slowed down by the garbage collector
