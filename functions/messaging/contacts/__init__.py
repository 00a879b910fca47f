"""Contacts: people whom a platform knows, by address book or because they wrote (document 4)."""
