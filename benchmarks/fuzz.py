"""Damaged files through every reader: each must return or refuse in one line that names the file.

    python benchmarks/fuzz.py [--cases 20000] [--minutes 10] [--only WORD ...] [--seed 0]
                              [--data ../shared/data] [--out FOLDER]

A reader is run in processes of its own with a limit of memory and an alarm; what it must not do
(another exception, a hang, a crash, a file written) is printed, and a sample is kept in FOLDER.
`--minutes` bounds the time a reader gets. The status is 1 where anything was found.
"""

import argparse
import gc
import sys
import tempfile
from pathlib import Path

from fuzz_readers import readers
from fuzz_worker import attacked


def main() -> int:
    """Attack the readers that were chosen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    found_any = False
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        scratch = Path(folder)
        kept = args.out or scratch / "kept"
        kept.mkdir(parents=True, exist_ok=True)
        chosen = [r for r in readers(args.data if args.data.is_dir() else None)
                  if not args.only or any(word in r.name for word in args.only)]  # fmt: skip
        gc.freeze()
        print(f"{'reader':28} {'cases':>7} {'read':>7} {'refused':>7} {'found':>6} {'s':>6}")
        for reader in chosen:
            outcome = attacked(reader, args.cases, args.seed, scratch, kept, 60 * args.minutes)
            count = sum(outcome.findings.values())
            print(f"{reader.name:28} {outcome.cases:7} {outcome.returned:7} {outcome.refused:7} "
                  f"{count:6} {outcome.seconds:6.0f}", flush=True)  # fmt: skip
            for what, times in sorted(outcome.findings.items(), key=lambda x: -x[1]):
                print(f"    {times:6} x {what}", flush=True)
            found_any |= count > 0
    return int(found_any)


if __name__ == "__main__":
    sys.exit(main())
