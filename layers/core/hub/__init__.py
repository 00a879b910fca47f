"""What two rooms or more of Hub need; nothing in here names a room."""

import gc

__version__ = "1.0.0"
"""Hub's own, as `pyproject.toml` has it."""

# Imports make objects that live as long as the process: collecting while they are made costs a cold start
# a fifth of its time. `telemetry.lambda_handler`, which closes every module with a handler, turns it on again.
gc.disable()
