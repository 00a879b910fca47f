"""Plugins: what a tenant installs, what of it runs on commands and events, and how that ended."""

import hub  # noqa: F401 - before anything else, so that no import is slowed down by the garbage collector
