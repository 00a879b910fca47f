"""Reference: the description of the whole API."""

import hub  # noqa: F401 - before anything else, so that no import is slowed down by the garbage collector
