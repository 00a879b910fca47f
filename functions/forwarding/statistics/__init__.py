"""How many messages were forwarded: figures of each day, kept by a worker from the events of messages that ended."""
