"""Messaging: messages to and from people on WhatsApp, Telegram, WeChat and Signal."""

import hub  # noqa: F401 - before anything else, so that no import is slowed down by the garbage collector
