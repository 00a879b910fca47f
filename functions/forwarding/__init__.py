"""What KOOK's channels say, forwarded to other platforms (document 5)."""

import hub  # noqa: F401 - before anything else, so that no import is slowed down by the garbage collector
