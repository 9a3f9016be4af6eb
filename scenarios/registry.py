"""Registries: names to things, without importing the things to list them.

A built-in is found by reading its source: a file of the package with a top-level class or function
decorated `@register("name")`. So `forgetless list` answers without importing torch, a new built-in is one
new file, and there is no table to forget. Plug-ins register through the same decorator.

A name that ends in "/NAME" is that of a family: what is decorated is then a function from the rest of a name to the
thing, so that `avalanche/EWC` can be had without a list of all that Avalanche has.
"""

import ast
import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from scenarios.errors import RequestError
from scenarios.options import suggestion

T = TypeVar("T")

FAMILY = "/NAME"
"""How the name of a family ends."""


@dataclass(frozen=True)
class Entry:
    """What the source of a registered thing says about it."""

    name: str
    summary: str
    options: dict[str, str]
    module: str
    takes: str = ""
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def takes_source(self) -> bool:
        """Whether it is a family over sources: its first parameter is `source`, or `images` where it needs those."""
        return self.takes in {"source", "images"}

    def attribute(self, name: str) -> str:
        """A class attribute, or what the decorator declares, as its source spells it, or an empty text."""
        return dict(self.attributes).get(name, "")


class Registry(Generic[T]):
    """All things of one kind, by name.

    Args:
        kind: what an error message calls one of them ("strategy").
        package: the package whose files hold the built-in ones.
        group: the entry-point group through which installed packages bring theirs.
    """

    def __init__(self, kind: str, package: str, group: str) -> None:
        self.kind = kind
        self.package = package
        self.group = group
        self._loaded: dict[str, T] = {}
        self._plugins: dict[str, Entry] = {}

    def register(self, name: str, **declared: Any) -> Callable[[T], T]:
        """Decorator: make a class or function known under `name`.

        Args:
            name: what it is asked for by.
            declared: what else a list says of it, in literals, since they are read from source: `classes=10`.

        Raises:
            RequestError: where another thing of this kind has the name already.
        """

        def add(thing: T) -> T:
            module = str(getattr(thing, "__module__", ""))
            known = self.catalogue.get(name) or self._plugins.get(name)
            other = self._loaded.get(name, thing)
            if known is not None and (known.module != module or _place(other) != _place(thing)):
                raise RequestError(f"the {self.kind} name {name!r} is taken by {known.module}: choose another")
            if known is None:
                self._plugins[name] = _entry_of(name, module)
            self._loaded[name] = thing
            return thing

        return add

    def register_family(self, name: str) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
        """Decorator: make a function known that gives every thing whose name is `name` with something else for NAME.

        Raises:
            RequestError: as `register`.
        """
        assert name.endswith(FAMILY)
        return self.register(name)  # type: ignore[return-value]

    @cached_property
    def catalogue(self) -> dict[str, Entry]:
        """The built-in entries and those of installed packages, read from their source."""
        spec = importlib.util.find_spec(self.package)
        entries: dict[str, Entry] = {}
        for folder in (spec.submodule_search_locations if spec else None) or []:
            for file in sorted(Path(folder).glob("*.py")):
                entries.update(_read_entries(file, f"{self.package}.{file.stem}"))
        for point in importlib.metadata.entry_points(group=self.group):
            found = _entry_of(point.name, point.module)
            if point.name in entries:
                raise RequestError(f"the {self.kind} name {point.name!r} of {point.module} is taken already")
            entries[point.name] = found
        return entries

    def entries(self) -> dict[str, Entry]:
        """Everything known by name: built in, installed, or registered by a plug-in."""
        return {name: entry for name, entry in self._known().items() if not name.endswith(FAMILY)}

    def families(self) -> dict[str, Entry]:
        """The families, by the name that stands for all of theirs: `avalanche/NAME`."""
        return {name: entry for name, entry in self._known().items() if name.endswith(FAMILY)}

    def _known(self) -> dict[str, Entry]:
        return dict(sorted({**self.catalogue, **self._plugins}.items()))

    def get(self, name: str) -> T:
        """The thing called `name`, importing its module where that has not happened yet.

        Raises:
            RequestError: where there is none; the message says which name is nearest.
        """
        head, slash, member = name.partition("/")
        if name not in self._loaded and slash and head + FAMILY in self._known():
            family: Any = self._imported(head + FAMILY)
            self._loaded[name] = family(member)
        return self._imported(name)

    def _imported(self, name: str) -> T:
        if name not in self._loaded:
            if name not in self.catalogue:
                raise RequestError(f"there is no {self.kind} {name!r}{suggestion(name, self._known())}")
            module = self.catalogue[name].module
            _import(module, f"the {self.kind} {name!r}")
            if name not in self._loaded:
                raise RequestError(f"the {self.kind} {name!r} is not there: {module} does not register it")
        return self._loaded[name]


def load_plugin(place: str) -> None:
    """Import a plug-in, a file or a module, so that what it registers is known.

    Raises:
        RequestError: where it is missing, fails to import or registers a name that is taken.
    """
    path = Path(place)
    if path.suffix != ".py" and not path.exists():
        _import(place, f"the plug-in {place}")
        return
    if not path.is_file():
        raise RequestError(f"the plug-in {place} is not there: give a Python file or an importable module")
    name = f"plugin_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RequestError(f"the plug-in {place} is no Python file: its name should end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader = spec.loader
    try:
        _importing(lambda: loader.exec_module(module), f"the plug-in {place}")
    except RequestError:
        del sys.modules[name]
        raise


def _place(thing: object) -> str:
    """Where in its module a thing is defined."""
    return str(getattr(thing, "__qualname__", ""))


def _import(module: str, what: str) -> None:
    _importing(lambda: importlib.import_module(module), what)


def _importing(action: Callable[[], object], what: str) -> None:
    """Run an import; whatever a foreign file raises becomes one line that names it."""
    try:
        action()
    except RequestError as error:
        raise RequestError(f"{what}: {error}") from None
    except (Exception, SystemExit) as error:
        line = ""
        traceback = error.__traceback__
        while traceback is not None:
            line = f", line {traceback.tb_lineno}"
            traceback = traceback.tb_next
        text = str(error)
        if isinstance(error, SyntaxError):
            text, line = error.msg, f", line {error.lineno}"
        text = " ".join(text.split()) or "no message"
        raise RequestError(f"{what} fails to import: {type(error).__name__}: {text}{line}") from error


def _entry_of(name: str, module: str) -> Entry:
    """The entry of a thing in a module outside the package, from the module's source where it has one."""
    if module in sys.modules:
        file = getattr(sys.modules[module], "__file__", None)
    else:
        try:
            spec = importlib.util.find_spec(module)
        except (Exception, SystemExit):  # of a parent package: whoever asks for the thing is told
            spec = None
        file = spec.origin if spec else None
    try:
        found = _read_entries(Path(file), module) if file and Path(file).is_file() else {}
    except (SyntaxError, ValueError):
        found = {}
    return found.get(name, Entry(name, "", {}, module))


def _read_entries(file: Path, module: str) -> dict[str, Entry]:
    """Every top-level definition of a file that is decorated `@register…("name")`."""
    entries = {}
    for node in _parsed(file.read_bytes()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            for decorator in node.decorator_list:
                name = _registered_name(decorator)
                if name is not None:
                    entries[name] = _read_entry(name, node, module, file)
    return entries


def _bases(node: ast.ClassDef, file: Path) -> list[tuple[ast.ClassDef, Path]]:
    """The classes whose source a class inherits from, nearest first: those of its own file and of files beside it."""
    body = _parsed(file.read_bytes()).body
    found: list[tuple[ast.ClassDef, Path]] = []
    for base in (base.id for base in node.bases if isinstance(base, ast.Name)):
        places = [file] + [
            file.with_name(f"{item.module.rpartition('.')[2]}.py")
            for item in body
            if isinstance(item, ast.ImportFrom) and item.module and base in [alias.name for alias in item.names]
        ]
        for place in (place for place in places if place.is_file()):
            for item in _parsed(place.read_bytes()).body:
                if isinstance(item, ast.ClassDef) and item.name == base:
                    found += [(item, place), *_bases(item, place)]
    return found


def _registered_name(decorator: ast.expr) -> str | None:
    match decorator:
        case ast.Call(func=ast.Name(id=function), args=[ast.Constant(value=str(name))]) if function.startswith(
            "register"
        ):
            return name
    return None


def _read_entry(name: str, node: ast.ClassDef | ast.FunctionDef, module: str, file: Path) -> Entry:
    function: ast.FunctionDef | None = None
    attributes: dict[str, str] = {}
    if isinstance(node, ast.FunctionDef):
        function = node
    else:
        for ancestor in (node, *(base for base, _ in _bases(node, file))):
            for item in ancestor.body:
                if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                    function = function or item
                elif isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name):
                    attributes.setdefault(item.targets[0].id, ast.unparse(item.value))
    summary = (ast.get_docstring(node) or "").partition("\n\n")[0].replace("\n", " ")
    options: dict[str, str] = {}
    takes = ""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and _registered_name(decorator) == name:
            attributes |= {item.arg: ast.unparse(item.value) for item in decorator.keywords if item.arg}
    if function is not None:
        takes = function.args.args[0].arg if function.args.args else ""
        for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
            annotation = f": {ast.unparse(argument.annotation)}" if argument.annotation else ""
            options[argument.arg] = f"{annotation} = {ast.unparse(default)}" if default else annotation
    return Entry(name, summary, options, module, takes, tuple(attributes.items()))


def source_digest(thing: Any) -> str:
    """SHA-256 over the source of a class (see `source_files`), so that a change in a helper is seen."""
    digest = hashlib.sha256()
    for content in sorted(file.read_bytes() for file in source_files(thing)):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def source_files(thing: Any) -> set[Path]:
    """The source of a class: its file, those of the classes it inherits from, composes and wraps, and what these
    files import from folders of their own."""
    files: set[Path] = set()
    every = [thing, *getattr(thing, "composes", ()), *getattr(thing, "wraps", ())]
    for ancestor in {ancestor for each in every for ancestor in getattr(each, "__mro__", (each,))}:
        if ancestor.__module__.partition(".")[0] not in {"builtins", "torch", "typing", "abc"}:
            _add_sources(ancestor.__module__, files)
    return files


def _add_sources(module: str, files: set[Path]) -> None:
    """Add a module's file, and those of its own package, or beside it, that it imports."""
    place = getattr(sys.modules.get(module), "__file__", None)
    if place:
        package = module.partition(".")[0] if "." in module else ""
        _follow(Path(place), Path(place).parents[module.count(".")], package, files)


def _follow(file: Path, root: Path, package: str, files: set[Path]) -> None:
    """Go through imports by where their files would lie: what happens to be imported already must not matter."""
    if file in files:
        return
    files.add(file)
    for name in _imports(file.read_bytes()):
        other = root.joinpath(*name.split(".")).with_suffix(".py")
        if name.partition(".")[0] == (package or name.partition(".")[0]) and other.is_file():
            _follow(other, root, package, files)


# By what files hold, not by where they lie: a plug-in that changes is read anew.
@lru_cache(maxsize=512)
def _parsed(source: bytes) -> ast.Module:
    return ast.parse(source)


@lru_cache(maxsize=512)
def _imports(source: bytes) -> tuple[str, ...]:
    """Every name that a file imports, which may be that of a module."""
    names: list[str] = []
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)
