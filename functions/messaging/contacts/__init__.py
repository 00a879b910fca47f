"""Contacts: people whom a platform knows, by its address book or because they wrote (document 4)."""
