"""Identity: API keys, and the command that makes the first tenant."""

import hub  # noqa: F401 - before anything else, so that no import is slowed down by the garbage collector
