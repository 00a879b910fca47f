"""KOOK accounts (document 5)."""
