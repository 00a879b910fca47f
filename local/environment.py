"""What the programs started here may see of the host: enough to work, nothing that reaches a real AWS account."""

import json
import os
import sys
import time
from pathlib import Path

from local.stack import REGION

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TMPDIR", "USER")
_NOWHERE = "/dev/null"


def seal() -> None:
    """Replace this process's AWS settings, so that neither boto3 nor SAM can find a real account, profile or region."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "SAM_", "BOTO_"))]:
        del os.environ[name]
    os.environ.update(
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - the emulator accepts anything; AWS would not
        AWS_DEFAULT_REGION=REGION,
        AWS_REGION=REGION,
        AWS_CONFIG_FILE=_NOWHERE,
        AWS_SHARED_CREDENTIALS_FILE=_NOWHERE,
        AWS_EC2_METADATA_DISABLED="true",
        NO_PROXY=",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1,localhost"))),
    )


def for_sam(directory: Path, **more: str) -> dict[str, str]:
    """Environment of a SAM CLI call: no telemetry, no look-up of newer versions, its own files in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    # SAM asks PyPI for a newer version once a week; a fresh date is the only way to keep it from doing so.
    (directory / "metadata.json").write_text(json.dumps({"telemetryEnabled": False, "lastVersionCheck": time.time()}))
    search = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    return {
        **os.environ,
        "PATH": search,
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.3",
        "__SAM_CLI_APP_DIR": str(directory),
        **more,
    }


def for_emulator(**more: str) -> dict[str, str]:
    """Environment of the emulator, which hands all of it to the functions: so only what a Lambda may see too."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        # As in AWS. Functions that print Chinese need UTF-8 whatever the host's locale is.
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "PYTHONUTF8": "1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": _NOWHERE,
        "AWS_SHARED_CREDENTIALS_FILE": _NOWHERE,
        "AWS_EC2_METADATA_DISABLED": "true",
        **more,
    }
