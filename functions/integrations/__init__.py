"""Integrations: a tenant's connections to providers, what they sync, and the events they are told."""

import hub  # noqa: F401 - before anything else, so that no import is slowed down by the garbage collector
