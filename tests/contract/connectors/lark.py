"""lark-oapi without most of its eleven thousand modules: they take longer to import than all tests of a file, and what
comes after them in the process is slower for each of them."""

import __future__

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

_OTHER_EVENTS = re.compile(r"^from (lark_oapi\.api\.(?!im\.).+) import \*$", re.MULTILINE)
_DISPATCHER = "lark_oapi.event.dispatcher_handler"


@contextmanager
def messaging() -> Iterator[None]:
    """What is about messages can be imported inside; afterwards it is as if nothing of it had been."""
    found = find_spec("lark_oapi")
    assert found is not None
    assert not _imported()
    for name, folders in (("lark_oapi", []), ("lark_oapi.api", ["api"])):
        package = ModuleType(name)
        package.__path__ = [str(Path(one, *folders)) for one in found.submodule_search_locations or ()]
        sys.modules[name] = package
    try:
        yield
    finally:
        for name in _imported():
            del sys.modules[name]


def dispatcher() -> Any:
    """Inside of `messaging`: the module that takes events, which knows those of messages alone."""
    found = find_spec(_DISPATCHER)
    assert found is not None
    assert found.origin is not None
    source = Path(found.origin).read_text()
    others = _OTHER_EVENTS.findall(source)
    assert others
    for name in others:
        sys.modules[name] = ModuleType(name)
    module = sys.modules[_DISPATCHER] = ModuleType(_DISPATCHER)
    module.__package__ = "lark_oapi.event"
    # Not before they are called do its methods look for the types of the other events.
    code = compile(source, found.origin, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)
    exec(code, vars(module))
    return module


def _imported() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "lark_oapi"]
