"""`make bench`: what every endpoint and worker costs, in calls, CPU, imports and dollars."""

import sys
from pathlib import Path

# `hub` is a layer: Lambda finds it in /opt/python, pytest by `pythonpath`.
sys.path.insert(0, str(Path(__file__).parents[2] / "layers" / "core"))
