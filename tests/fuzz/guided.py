"""One target guided by coverage: Atheris keeps what reaches new code of ours and mutates that on.

`python -m tests.fuzz.guided TARGET CORPUS [flags of libFuzzer]`, with the extra `fuzz` installed; ends at the first
case that its oracle does not hold for, which libFuzzer then keeps as a file. Compiled code cannot be followed and is
left out: what numba takes is read, not run.
"""

from __future__ import annotations

import re
import resource
import sys
import tempfile
from pathlib import Path

import atheris

_COMPILED = re.compile(r"\bnumba\b|matching\.compiling")
ROOT = Path(__file__).parents[2]
MEMORY_BYTES = 6 << 30
PACKAGES = ("matching", "notify", "flows")


def compiled() -> list[str]:
    """Modules of which numba takes functions: these must stay as they are written."""
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in paths
        if _COMPILED.search(path.read_text(encoding="utf-8"))
    ]


def main() -> None:
    name, *flags = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    with atheris.instrument_imports(include=list(PACKAGES), exclude=compiled()):
        from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    corpus = Path(next(flag for flag in flags if not flag.startswith("-")))
    for number, sample in enumerate(target.mutator.samples):
        (corpus / f"sample-{number}").write_bytes(sample)
    (corpus.parent / "words").write_text("".join(map(_word, target.mutator.tokens)))
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="fuzz", dir=place) as folder:
        target.check(target.mutator.samples[: target.batch], Path(folder))
        atheris.Setup(
            [sys.argv[0], f"-dict={corpus.parent / 'words'}", *flags],
            lambda data: _one(target.check, data, Path(folder)),
        )
        atheris.Fuzz()


def _one(check: object, data: bytes, folder: Path) -> None:
    check([data], folder)  # type: ignore[operator]


def _word(token: bytes) -> str:
    """A line of libFuzzer's dictionary."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in token[:60]) + '"\n' if token else ""


if __name__ == "__main__":
    main()
