"""`invoke`: run one function of the running stack with an event from a file."""

import base64
import json
from pathlib import Path

from local import deploy
from local.aws import Aws
from local.stack import StackError


def invoke(aws: Aws, function: str, event: Path) -> bool:
    """Print the answer and the end of the log of `function` (a logical id); answers whether it succeeded."""
    try:
        payload = event.read_bytes()
        json.loads(payload)
    except (OSError, ValueError) as error:
        raise StackError(f"{event} is no readable JSON file: {error}") from None
    ids = deploy.physical_ids(aws)
    if function not in ids:
        known = ", ".join(sorted(name for name in ids if name.endswith("Function")))
        raise StackError(f"The stack has no {function}; it has {known}")
    answer = aws.functions.invoke(FunctionName=ids[function], Payload=payload, LogType="Tail")
    print(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace").rstrip())
    body = answer["Payload"].read().decode()
    try:
        print(json.dumps(json.loads(body), indent=2, ensure_ascii=False))
    except ValueError:
        print(body)
    return not answer.get("FunctionError")
