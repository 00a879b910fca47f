"""Bots that write to the platforms (document 5)."""
