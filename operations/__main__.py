"""`python -m operations <command>`: what an operator does to a stack, on AWS or on this machine."""

import argparse
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from operations import redrive, statistics
from operations.stack import OperationError, chosen

_ROOT = Path(__file__).absolute().parent.parent


def main() -> int:
    """Run one command; answers its exit status."""
    options = _parser().parse_args()
    try:
        stack = chosen(options.stack, _ROOT, _ROOT / options.state_dir)
        if options.command == "rebuild-statistics":
            return statistics.rebuild(stack, options.tenant)
        return redrive.send_back(stack, options.send) if options.send else redrive.show(stack, options.show)
    except (OperationError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operations", description="What an operator does to a stack")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("redrive", help="list the dead letters, or send them back where they came from")
    _add_stack(command)
    command.add_argument("--show", type=int, default=10, metavar="N", help="letters of a queue that are listed (10)")
    command.add_argument(
        "--send", nargs="+", metavar="QUEUE", help="send the letters of these queues back; all: of all"
    )
    command = commands.add_parser(
        "rebuild-statistics", help="count the support desk's figures and the totals of lists anew"
    )
    _add_stack(command)
    command.add_argument("--tenant", help="this one only; without it, all")
    return parser


def _add_stack(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--stack", help="a stack on AWS; without it the embedded one, or samconfig.toml's where none is"
    )
    command.add_argument("--state-dir", type=Path, default=Path(".local"), help="of the embedded stack (.local)")


if __name__ == "__main__":
    sys.exit(main())
