"""Compares the engines by hand: ``python -m tests.contract.engines.compare [--record] [--recorded] [FILE …]``.

Prints every case on which they disagree. With ``--record`` it writes what classic Spark came to as what is expected;
read the difference before you commit it. ``--recorded`` takes what is recorded for classic Spark's answer.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.contract.engines.catalogue import EXPECTED, load_cases, load_expected, verdict_of
from tests.contract.engines.engines import classic_python, run_on_classic, run_on_sail


def main() -> None:
    cases = load_cases()
    wanted = [word for word in sys.argv[1:] if not word.startswith("--")]
    cases = [case for case in cases if not wanted or any(case.id.startswith(word) for word in wanted)]
    with tempfile.TemporaryDirectory() as folder:
        sail = run_on_sail(cases, Path(folder))
        if "--recorded" in sys.argv:
            spark = {name: found | {"seconds": 0.0} for name, found in load_expected().items()}
        else:
            assert classic_python() is not None, "no classic Spark: run make classic-spark"
            spark = run_on_classic(cases, Path(folder))
    apart = 0
    for case in cases:
        if case.id not in spark:
            print(f"\n{case.id}\n  sail  {shown(sail[case.id])}")
            continue
        left, right = verdict_of(sail[case.id]), verdict_of(spark[case.id])
        right.pop("on_sail", None)
        if left != right:
            apart += 1
            print(f"\n{case.id}\n  spark {shown(spark[case.id])}\n  sail  {shown(sail[case.id])}")
    print(f"\n{len(cases)} cases, {apart} apart; sail {_seconds(sail):.0f} s, spark {_seconds(spark):.0f} s")
    if "--record" not in sys.argv:
        return
    files: dict[str, dict[str, object]] = {}
    for case in cases:
        file, _, name = case.id.partition("/")
        document: dict[str, object] = verdict_of(spark[case.id])
        document.pop("on_sail", None)
        on_sail = verdict_of(sail[case.id])
        if on_sail != document:
            # A value that differs is recorded too, and the tests refuse it.
            document = document | {"on_sail": on_sail}
        files.setdefault(file, {})[name] = document
    for file, documents in files.items():
        lines = (
            f"{json.dumps(n, ensure_ascii=False)}: {json.dumps(d, ensure_ascii=False)}"
            for n, d in documents.items()
        )
        (EXPECTED / f"{file}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def shown(found: dict[str, object]) -> str:
    if "error" in found:
        return f"{found['error']}: {str(found.get('message'))[:200]}"
    return str(verdict_of(found))


def _seconds(found: dict[str, dict[str, float]]) -> float:
    return sum(item["seconds"] for item in found.values())


if __name__ == "__main__":
    main()
