"""Forwarding as a whole: its state, its health, its cache, its version (document 5 "系统控制API" and what follows)."""
