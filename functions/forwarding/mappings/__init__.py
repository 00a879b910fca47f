"""Which channel goes where (document 5)."""
