"""`python -m tests.limits`: make every change of `changes.py`, ask which check of the limits notices it, print a table.

`--write` puts the table into docs/limits.md; `--only SUBJECT` tries one module. Exit status 1 if a change that is
unsound survives, or one that is said to be harmless is noticed.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.limits.changes import CHANGES, ROOT, SUBJECTS, Change, noticed_by

HEAD = "| in | instead of | stands | noticed by |"


def cell(text: str) -> str:
    """A fragment of source as a cell of a table."""
    return "`" + " ".join(text.split()).replace("|", "\\|") + "`" if text.strip() else "nothing"


def row(change: Change, check: str | None) -> str:
    """One change and what became of it."""
    if check is None:
        result = f"harmless: {change.harmless}" if change.harmless else "SURVIVED"
    else:
        result = check.replace("_", " ") if change.harmless is None else f"NOTICED, said to be harmless: {check}"
    return f"| {change.subject} | {cell(change.old)} | {cell(change.new)} | {result} |"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.limits", description=__doc__)
    parser.add_argument("--only", choices=list(SUBJECTS), action="append", help="module; repeatable; default: all")
    parser.add_argument("--write", action="store_true", help="write docs/limits.md")
    options = parser.parse_args(arguments)
    if options.write and options.only:
        parser.error("--write needs every module: leave --only out")
    started, rows, wrong, noticed = time.process_time(), [], 0, 0
    for change in CHANGES:
        if options.only and change.subject not in options.only:
            continue
        check = noticed_by(change)
        noticed += check is not None
        if (check is None) != bool(change.harmless):
            wrong += 1
            print(row(change, check), file=sys.stderr, flush=True)
        rows.append(row(change, check))
    total = (
        f"{noticed} of {len(rows)} changes are noticed, {len(rows) - noticed - wrong} are explained, {wrong} survive"
    )
    text = "\n".join(
        [HEAD, "|---|---|---|---|", *rows, "", f"{total}; {time.process_time() - started:.0f} s of one core."]
    )
    print(text)
    if options.write:
        page = ROOT / "docs" / "limits.md"
        before = page.read_text(encoding="utf-8")
        page.write_text(before[: before.index(HEAD)] + text + "\n", encoding="utf-8")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
