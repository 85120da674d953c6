"""`python -m tests.fuzz.fuzz_readers NAME [libFuzzer options]`: coverage-guided fuzzing of one reader, until it breaks.

Needs atheris (`pip install atheris`), which is no dependency of the project: it follows which branches of the readers
each input takes and breeds inputs that take new ones. Example:

    python -m tests.fuzz.fuzz_readers annotations -max_total_time=60
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def main() -> int:
    try:
        import atheris
    except ImportError:
        print("coverage-guided fuzzing needs atheris. Install it: pip install atheris", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["rdmf_model", "rdmf_theory"]):
        from tests.fuzz.readers import READERS, judge
    readers = {reader.name: reader for reader in READERS}
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in readers:
        print(f"NAME must be one of: {', '.join(readers)}. Got {name!r}.", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="rdmf-fuzz-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "accepted").write_bytes(readers[name].accepted())
    atheris.Setup(
        [sys.argv[0], *sys.argv[2:], str(corpus)], lambda content: judge(readers[name], content, folder) and None
    )
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
