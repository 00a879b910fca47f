"""Messages that go out (document 4)."""
