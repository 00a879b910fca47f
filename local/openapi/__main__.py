"""`python -m local.openapi`: write functions/reference/openapi.json; with `--check` say whether it is current."""

import argparse
import sys
from pathlib import Path

_ROOT = Path(__file__).absolute().parents[2]


def main() -> int:
    """Run the command; answers its exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.openapi", description="The API's description")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when it is not current")
    check = parser.parse_args().check
    sys.path[:0] = [str(_ROOT), str(_ROOT / "layers" / "core")]
    from local.openapi.description import FILE, text

    file = _ROOT / FILE
    current = text(_ROOT)
    if file.is_file() and file.read_text(encoding="utf-8") == current:
        return 0
    if check:
        print(f"{FILE} does not describe the routes as they are: run `make openapi`", file=sys.stderr)
        return 1
    file.write_text(current, encoding="utf-8")
    print(f"Written: {FILE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
