"""Domain events that are posted to integrations as messages."""
