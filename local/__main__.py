"""`python -m local <command>`: the embedded run. `make help` shows the everyday commands."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - said in one line instead of a traceback
    sys.exit("Python 3.11 or later is needed; this is {}.{}".format(*sys.version_info))

import argparse
import signal
from pathlib import Path

from local import environment
from local.stack import MQTT_HOST, Stack, StackError

_ROOT = Path(__file__).absolute().parent.parent
_PORTS = ("port", "also_port", "aws_port", "mqtt_port")


def main() -> int:
    """Run one command; answers its exit status."""
    environment.seal()
    options = _parser().parse_args()
    try:
        return _COMMANDS[options.command](options)
    except StackError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace) -> int:
    from local import run

    stack = _stack(options)
    if options.detach:
        run.run_detached(stack, [argument for argument in sys.argv[2:] if argument != "--detach"])
    else:
        run.run(stack, options.ready)
    return 0


def _stop(options: argparse.Namespace) -> int:
    from local import run

    print(run.stop(_stack(options)))
    return 0


def _invoke(options: argparse.Namespace) -> int:
    from local import run
    from local.aws import Aws
    from local.invoke import invoke

    endpoint = run.read_description(_stack(options))["aws_endpoint"]
    return 0 if invoke(Aws(endpoint), options.function, options.event) else 1


def _receiver(options: argparse.Namespace) -> int:
    from local.receiver import Receiver

    try:
        server = Receiver(options.port, options.secret, options.fail)
    except OSError:
        raise StackError(f"Port {options.port} is in use by another program; choose one with --port") from None
    print(f"Waiting for webhooks on http://127.0.0.1:{options.port}/ (Ctrl-C ends)", flush=True)
    with server:
        server.serve_forever()
    return 0


def _device(options: argparse.Namespace) -> int:
    from local import device

    try:
        credentials = device.Credentials.read(options.credentials, options.key)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StackError(f"{options.credentials} is no answer of POST /v1/iot/devices: {error}") from None
    stack = _stack(options)
    ca = options.ca or (stack.mqtt_ca_file if credentials.host == MQTT_HOST else None)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        device.run(credentials, ca, options.alert)
    except device.TakenOver:
        raise StackError(f"Another program connected as {credentials.client_id}; this one ends") from None
    return 0


def _build(options: argparse.Namespace) -> int:
    from local import build

    target = build.AWS if options.for_aws else build.this_machine()
    built = build.build(_ROOT, target)
    print(
        f"{'Unchanged since' if built.reused else 'Built for'} {target.python} {target.architecture}: {built.template}"
    )
    return 0


def _stack(options: argparse.Namespace) -> Stack:
    ports = {name: getattr(options, name) for name in _PORTS if hasattr(options, name)}
    return Stack(root=_ROOT, state_dir=(_ROOT / options.state_dir).resolve(), **ports)


def _parser() -> argparse.ArgumentParser:
    stateful = argparse.ArgumentParser(add_help=False)
    stateful.add_argument("--state-dir", type=Path, default=Path(".local"), help="what outlives a run (.local)")
    parser = argparse.ArgumentParser(prog="python -m local", description="The embedded run")
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", parents=[stateful], help="bring the stack up")
    run.add_argument("--detach", action="store_true", help="return when it is ready")
    run.add_argument("--port", type=int, default=3000, help="the front door (3000)")
    run.add_argument("--also-port", type=int, default=9527, help="the front door once more (9527)")
    run.add_argument("--aws-port", type=int, default=4566, help="the emulated AWS services (4566)")
    run.add_argument("--mqtt-port", type=int, default=8883, help="MQTT for devices (8883)")
    run.add_argument("--ready", type=int, help=argparse.SUPPRESS)

    commands.add_parser("stop", parents=[stateful], help="stop a detached stack")

    invoke = commands.add_parser("invoke", parents=[stateful], help="run one function with an event")
    invoke.add_argument("function", help="logical id, such as WebhookDeliverFunction")
    invoke.add_argument("event", type=Path, help="JSON file, such as events/webhook-deliver.json")

    receiver = commands.add_parser("receiver", help="show the webhooks that arrive")
    receiver.add_argument("--port", type=int, default=8080)
    receiver.add_argument("--secret", help="check the signatures with this secret")
    receiver.add_argument("--fail", type=int, default=0, metavar="N", help="answer 500 to the first N")

    device = commands.add_parser("device", parents=[stateful], help="be a lamp; each line typed is an alert")
    device.add_argument("--credentials", type=Path, required=True, help="the answer of POST /v1/iot/devices")
    device.add_argument("--key", type=Path, help="the private key, where the certificate was made from a CSR")
    device.add_argument("--ca", type=Path, help="whom to trust as server (this stack's, elsewhere the system's)")
    device.add_argument("--alert", metavar="TEXT", help="raise this alert once connected")

    build = commands.add_parser("build", help="build only")
    build.add_argument("--for-aws", action="store_true", help="python3.13 on arm64, into .aws-sam/build")
    return parser


_COMMANDS = {
    "run": _run,
    "stop": _stop,
    "invoke": _invoke,
    "receiver": _receiver,
    "device": _device,
    "build": _build,
}

if __name__ == "__main__":
    sys.exit(main())
