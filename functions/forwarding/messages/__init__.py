"""What was captured in KOOK and forwarded: the log, a row for each message and mapping."""
