"""Compiled programs kept between runs, so that a later run neither traces nor compiles them.

JAX's own cache keeps what the compiler made, but to find it again a program must first be traced and lowered, which
takes longer than many a program runs. Here the finished program is found by what it was made from: the package's
source, the function, its static arguments, the shapes of the others, the versions of the libraries and the processor.
A program that cannot be read, whatever the reason, is made anew.

Reading takes a while too, most of it outside Python's lock. What a run of some name used last can therefore be read
ahead, while this process is still importing; a program is found by the same key as ever, so that what was read in vain
is never called. Programs take and give plain lists of arrays, so that reading one imports nothing: the form of its
results, which names classes of the package, is looked at once it is asked for.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import platform
import sys
import tempfile
import threading
import weakref
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

__all__ = ["keep_in", "kept", "note_used", "read_ahead", "stored"]

_SOURCES = ("models", "_study")
"""Folders of the package that programs are made from."""

_MOST = 400
"""Files in the folder at most; the oldest, which mostly belong to earlier versions, go first."""

_place: Path | None = None
_locks: dict[str, threading.Lock] = {}
_loaded: dict[Any, _Program] = {}
_lowered: weakref.WeakKeyDictionary[Any, set[Any]] = weakref.WeakKeyDictionary()
_guard = threading.Lock()
_reading = threading.Lock()
"""Held while a program is read: four threads that read at once have brought a process down."""

_ahead: dict[str, Future[tuple[Any, bytes] | None]] = {}
_used: dict[str, None] = {}


class _Program(NamedTuple):
    """What takes arrays and gives arrays, and the form in which it gives them."""

    run: Any
    form: Any

    def __call__(self, leaves: Sequence[Any]) -> Any:
        return jax.tree.unflatten(self.form, self.run(*leaves))


class _Turn(threading.local):
    """JAX traces and lowers in one thread at a time: with two at once it has been seen to crash. Compiling may overlap.

    What is met on the way of a trace becomes part of it: to wait there for another program could be for ever.
    """

    lock = threading.Lock()
    mine = False

    def __enter__(self) -> None:
        self.lock.acquire()
        self.mine = True

    def __exit__(self, *_: object) -> None:
        self.mine = False
        self.lock.release()


_lowering = _Turn()


def keep_in(folder: str | os.PathLike[str] | None) -> None:
    """Keep programs in this folder from now on; None keeps them nowhere."""
    global _place
    _place = None
    if folder is None:
        return
    with contextlib.suppress(OSError):
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        _place = place


def read_ahead(run: str) -> None:
    """Begin to read, in the background, the programs that a run of this name used last."""
    if _place is None:
        return
    place = _place
    with contextlib.suppress(OSError, UnicodeError):
        names = _list_of(place, run).read_text(encoding="ascii").split()
        # What this process has already, or is about to have, it needs no more than once.
        wanted = [name for name in names if name not in _used and name not in _ahead]
        waiting = {name: Future[tuple[Any, bytes] | None]() for name in wanted}
        _ahead.update(waiting)
        # Two threads that import at once may meet modules half made: what reading needs is imported before.
        from jax.experimental import serialize_executable  # noqa: F401

        def read() -> None:
            for name, found in waiting.items():
                found.set_result(_read(place / Path(name).name))

        threading.Thread(target=read, name="tertius-programs", daemon=True).start()


def note_used(run: str) -> None:
    """Note the programs that this process has used, in their order, for the next run of this name."""
    if _place is None:
        return
    target, words = _list_of(_place, run), "\n".join(_used)
    with contextlib.suppress(OSError):
        if not target.exists() or target.read_text(encoding="ascii", errors="replace") != words:
            _put(target, words.encode("ascii"))


def _list_of(place: Path, run: str) -> Path:
    return place / f"used-{hashlib.sha256(run.encode()).hexdigest()[:40]}"


def kept(function: Callable[..., Any], *, static_argnums: Sequence[int] = ()) -> Callable[..., Any]:
    """Compile a function as ``jax.jit`` does, and keep its programs.

    Parameters
    ----------
    function
        Of a module, not made inside another function: nothing that it closes over is part of what a program is found
        by.
    static_argnums
        Positions of arguments that programs are made for. Their ``repr`` must tell them apart.
    """
    compiled = jax.jit(function, static_argnums=tuple(static_argnums))

    @functools.wraps(function)
    def call(*given: Any) -> Any:
        return stored(compiled, given, static_argnums)

    call.lower = compiled.lower  # type: ignore[attr-defined]
    return call


def stored(
    compiled: Any,
    given: Sequence[Any],
    static_argnums: Sequence[int] = (),
    named: dict[str, Any] | None = None,
) -> Any:
    """Call a function that ``jax.jit`` made, with a program that was kept where there is one.

    Parameters
    ----------
    compiled
        What ``jax.jit`` returned.
    given, named
        Its arguments. A number, word or truth value with a name is one that it was made for.
    static_argnums
        As it was told.
    """
    named = named or {}
    if _lowering.mine:
        return compiled(*given, **named)
    fixed = {name: value for name, value in named.items() if type(value) in (bool, int, str)}
    moving = {name: value for name, value in named.items() if name not in fixed}
    leaves, structure = jax.tree.flatten(
        ([a for i, a in enumerate(given) if i not in static_argnums], moving)
    )
    static = (*(given[i] for i in static_argnums), *sorted(fixed.items()))
    # What is traced is part of a larger program, and a bare number may be one that a program is made for.
    plain = all(isinstance(leaf, np.ndarray | np.generic | jax.Array) for leaf in leaves)
    if not plain or any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
        return compiled(*given, **named)
    source = getattr(compiled, "__wrapped__", None)
    shapes = tuple((leaf.shape, leaf.dtype) for leaf in leaves)
    if _place is None or source is None or not _of_module(source) or jax.default_backend() != "cpu":
        _lower(compiled, given, named, (static, structure, shapes))
        return compiled(*given, **named)
    asked = (source, static, structure, shapes)
    program = _loaded.get(asked)
    if program is None:
        program = _program(given, static_argnums, fixed, asked)
    return program(leaves)


def _lower(compiled: Any, given: Sequence[Any], named: dict[str, Any], asked: Any) -> None:
    """Lower a function for arguments that it has not been called with; calling it then finds what was lowered."""
    if asked in _lowered.get(compiled, ()):
        return
    with _lowering:
        if asked in _lowered.get(compiled, ()):
            return
        compiled.lower(*given, **named)
        _lowered.setdefault(compiled, set()).add(asked)


def _program(
    given: Sequence[Any], static_argnums: Sequence[int], fixed: dict[str, Any], asked: Any
) -> _Program:
    """Read a program or make it, once."""
    source, static, structure, shapes = asked
    words = [source.__module__, source.__qualname__, *map(repr, static), str(structure)]
    words += [f"{dtype}{shape}" for shape, dtype in shapes]
    key = hashlib.sha256("\n".join([*_surroundings(), *words]).encode()).hexdigest()
    with _guard:
        lock = _locks.setdefault(key, threading.Lock())
    with lock:
        if asked in _loaded:
            return _loaded[asked]
        assert _place is not None
        target = _place / f"{source.__name__.strip('_')}-{key[:40]}"
        ahead = _ahead.pop(target.name, None)
        program = _whole(_read(target) if ahead is None else ahead.result())
        _used[target.name] = None
        if program is None:
            program = _made(given, static_argnums, fixed, asked)
            _write(target, program)
        _loaded[asked] = program
    return program


def _made(given: Sequence[Any], static_argnums: Sequence[int], fixed: dict[str, Any], asked: Any) -> _Program:
    """Compile a program."""
    source, _, structure, shapes = asked
    places, held = range(len(given)), {i: given[i] for i in static_argnums}
    form: list[Any] = []

    def flat(*leaves: Any) -> list[Any]:
        some, moving = jax.tree.unflatten(structure, leaves)
        rest = iter(some)
        whole = [held[i] if i in held else next(rest) for i in places]
        made, tree = jax.tree.flatten(source(*whole, **moving, **fixed))
        form.append(tree)
        return list(made)

    # What JAX finds in its own cache cannot be written out again: under a name of its own it finds nothing.
    flat.__name__ = f"{source.__name__}_{os.urandom(4).hex()}"
    shaped: list[Any] = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in shapes]  # type: ignore[no-untyped-call]
    with _lowering:
        lowered = jax.jit(flat).lower(*shaped)
    return _Program(lowered.compile(), form[-1])


def _whole(found: tuple[Any, bytes] | None) -> _Program | None:
    """A program that was read, with the form of its results; None if that makes no sense here."""
    if found is None:
        return None
    try:
        return _Program(found[0], pickle.loads(found[1]))
    except Exception:
        return None


def _of_module(source: Any) -> bool:
    """Whether a function is a name of its module, and so is told apart by that."""
    name, module = getattr(source, "__qualname__", "."), sys.modules.get(getattr(source, "__module__", ""))
    if module is None or not module.__name__.startswith(tuple(f"tertius.{folder}" for folder in _SOURCES)):
        return False
    return "." not in name and "<" not in name and getattr(source, "__closure__", 1) is None


@functools.cache
def _surroundings() -> tuple[str, ...]:
    """What every program depends on."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((here / folder).rglob("*.py")):
            digest.update(str(path.relative_to(here)).encode() + b"\0" + path.read_bytes() + b"\0")
    config: Any = jax.config
    return (
        digest.hexdigest(),
        jax.__version__,
        version("jaxlib"),
        np.__version__,
        platform.python_version(),
        str(config.jax_enable_x64),
        str(config.jax_default_matmul_precision),
        os.environ.get("XLA_FLAGS", ""),
        str(jax.device_count()),
        _processor(),
    )


def _processor() -> str:
    """What this processor can do: a program made for another may hold instructions that it lacks."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return " ".join(sorted(line.split(":", 1)[1].split()))
    return f"{platform.machine()} {platform.processor()}"


def _read(target: Path) -> tuple[Any, bytes] | None:
    """Return what a program's file holds, the form of its results as it is kept, or None."""
    try:
        about = target.stat()
        # A program is code: it must be the user's own, and nobody else's to change.
        if hasattr(os, "getuid") and (about.st_uid != os.getuid() or about.st_mode & 0o022):
            return None
        whole = target.read_bytes()
        digest, packed = whole[:32], whole[32:]
        if hashlib.sha256(packed).digest() != digest:
            return None
        from jax.experimental import serialize_executable

        parts = zlib.decompress(packed)
        if b"lapack_" in parts:
            _have_lapack()
        executable, form = pickle.loads(parts)
        with _reading:
            return serialize_executable.deserialize_and_load(*executable), form
    except Exception:
        return None


@functools.cache
def _have_lapack() -> None:
    """Let JAX look up LAPACK's routines, which it does when it lowers a program that calls one, not when it reads it.

    Without them such a program, read in a process that has lowered none, jumps to nowhere.
    """
    try:
        from jaxlib import lapack

        lapack.prepare_lapack_call("getrf_ffi", np.dtype(float))  # type: ignore[no-untyped-call]
    except (ImportError, AttributeError, TypeError):
        # As slow as reading several programs, and certain.
        jax.jit(jax.lax.linalg.lu).lower(jax.ShapeDtypeStruct((1, 1), float))  # type: ignore[no-untyped-call]


def _write(target: Path, program: _Program) -> None:
    """Keep a program, whole or not at all; a folder that is full or read-only is no error."""
    with contextlib.suppress(Exception):
        from jax.experimental import serialize_executable

        parts = serialize_executable.serialize(program.run), pickle.dumps(program.form)
        packed = zlib.compress(pickle.dumps(parts), 1)
        _put(target, hashlib.sha256(packed).digest() + packed)
        _tidy(target.parent)


def _put(target: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _tidy(folder: Path) -> None:
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    for path in files[:-_MOST]:
        path.unlink(missing_ok=True)
