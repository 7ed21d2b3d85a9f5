"""Annotations that can be read at run time, although nothing is imported for them.

The names in annotations are imported for type checkers alone: `typing` takes
longer to import than this whole package. Who reads annotations (FastAPI,
pydantic, LangChain, `typing.get_type_hints`) evaluates their text with the
globals of the module, and a name that is missing there is looked up in the
module's `__builtins__`. That is where the module's `if TYPE_CHECKING:` block is
carried out, once.

From Python 3.14 on `typing` looks a single name up by itself, and not there. But
annotations may be made on demand since then: whoever asks for them has the block
carried out first.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator
    from types import FunctionType

PACKAGE = __name__.partition(".")[0]

_seen: set[str] = set()


class _Builtins(dict):  # type: ignore[type-arg]
    """The builtins of a module, and behind them the names of its annotations."""

    __slots__ = ("_module",)

    def __init__(self, module: str, builtins: dict[str, object]) -> None:
        super().__init__(builtins)
        self._module = module

    def __missing__(self, name: str) -> object:
        _carry_out(self._module)
        return sys.modules[self._module].__dict__[name]


def on_demand() -> None:
    """Makes the annotations of all modules readable that are loaded by now."""
    for name, module in list(sys.modules.items()):
        space = module.__dict__
        if name.partition(".")[0] == PACKAGE and "TYPE_CHECKING" in space and name not in _seen:
            _seen.add(name)
            space["__builtins__"] = _Builtins(name, space["__builtins__"])
            if sys.version_info >= (3, 14):
                # Once each: a function may have two names.
                for function in set(_functions(space)):
                    _annotate(function, name)


def _functions(space: dict[str, object]) -> Iterator[FunctionType]:
    """The functions that a module defines, those in its classes, too."""
    from types import FunctionType

    for item in list(space.values()):
        members = vars(item).values() if isinstance(item, type) else (item,)
        for member in members:
            parts = (member.fget, member.fset) if isinstance(member, property) else (member,)
            for part in parts:
                function = getattr(part, "__func__", part)
                if isinstance(function, FunctionType) and function.__globals__ is space:
                    yield function


def _annotate(function: FunctionType, module: str) -> None:
    """Carries out the module's block when somebody asks for the annotations of a function."""
    texts = function.__annotations__
    if not texts:
        return

    def annotate(_format: int, /) -> dict[str, object]:
        _carry_out(module)
        return dict(texts)

    function.__annotate__ = annotate  # type: ignore[attr-defined, unused-ignore]


def _carry_out(name: str) -> None:
    """Carries out what a module imports and defines for type checkers.

    What is there already stays. Without a source (a frozen program) nothing is added.
    """
    import ast
    import inspect

    space = sys.modules[name].__dict__
    builtins = space.get("__builtins__")
    if not isinstance(builtins, _Builtins):
        return
    space["__builtins__"] = dict(builtins)
    try:
        tree = ast.parse(inspect.getsource(sys.modules[name]))
    except OSError:
        return
    found = dict(space)
    for block in tree.body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for statement in block.body:
                if isinstance(statement, ast.ImportFrom):
                    found.update(_imported(statement, space["__package__"]))
                else:
                    code = compile(ast.Module([statement], []), f"<annotations of {name}>", "exec")
                    exec(code, found)
    for key, value in found.items():
        space.setdefault(key, value)


def _imported(statement: ast.ImportFrom, package: str) -> dict[str, object]:
    """What an import gives. Names that only a stub has are left out."""
    from importlib import import_module
    from importlib.util import resolve_name

    source = resolve_name("." * statement.level + (statement.module or ""), package)
    space = import_module(source).__dict__
    on_demand()
    # The names may be for type checkers alone there, too.
    _carry_out(source)
    found = {}
    for alias in statement.names:
        value = space.get(alias.name, sys.modules.get(f"{source}.{alias.name}"))
        if value is not None:
            found[alias.asname or alias.name] = value
    return found
