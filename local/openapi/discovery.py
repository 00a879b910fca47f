"""The resolvers there are: every module under functions/ that has an `api`."""

import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path

from hub.web.resolver import Api


@dataclass(frozen=True, slots=True)
class Resolver:
    """One Lambda's routes: the module's dotted name, what its docstring says, its `api`."""

    module: str
    purpose: str
    api: Api


def resolvers(root: Path) -> list[Resolver]:
    """Import every module under functions/, without AWS, and answer with the resolvers in order of their names."""
    found = []
    for file in sorted((root / "functions").rglob("[!_]*.py")):
        name = ".".join(file.relative_to(root).with_suffix("").parts)
        module = importlib.import_module(name)
        api = getattr(module, "api", None)
        if isinstance(api, Api):
            found.append(Resolver(name, inspect.getdoc(module) or "", api))
    return found
