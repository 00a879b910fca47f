"""Backups of the configuration (document 5)."""
