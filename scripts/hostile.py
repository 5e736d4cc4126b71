"""Hostile surroundings, by rules: a server, archives, images, and files that were tampered with: results/hostile.json.

Each case runs a command on what a rule has made of them. It ends as it has to, or its `failures` name it:

- the command does its work, or ends with status 2 and one sentence; no traceback, nothing that a terminal obeys;
- it takes less than two minutes and 1.5 GiB of memory, and ends by itself;
- nothing changes outside of the folders that it was told to write to, and nothing from there is told or copied;
- a small study before all cases and one after them are the same.
"""

import dataclasses
import hashlib
import importlib
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import hostile_archives
import hostile_server
import kills
import stand_ins
import tampering
from sandbox import MAX_MEMORY, MAX_SECONDS, Case, Sandbox

from cifake_keras import protocol
from cifake_keras.detector import PRETRAINED, litert
from cifake_keras.runtime import files
from cifake_keras.runtime.progress import say

SCALE = 0.002  # of the paper's counts: 200 training images
CLEAN = "clean"  # the server's answer to the clean run

# What cases use, imported once for all.
_IMPORTED = ("tensorflow_datasets", "cifake_keras.report.tables", "cifake_keras.report.figures", "cifake_keras.audit")
_IMPORTED += (
    "cifake_keras.detector.predictions",
    "cifake_keras.sources.prepared",
    "cifake_keras.sources.fetching.origins",
)
_IMPORTED_LATER = ("tensorflow", "keras", "cifake_keras.detector.formats", "cifake_keras.study.grid")


@dataclasses.dataclass
class Findings:
    """rules: by rule how many cases there were, how many were refused in one sentence, and how many were read."""

    rules: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    slowest_seconds: float = 0.0
    peak_memory_bytes: int = 0
    failures: list[str] = dataclasses.field(default_factory=list)


def run(cases: Iterable[Case], sandbox: Sandbox, findings: Findings) -> None:
    for case in cases:
        outcome = sandbox.run(case)
        counts = findings.rules.setdefault(case.rule, {"cases": 0, "refused": 0, "read": 0})
        counts["cases"] += 1
        counts["refused" if outcome.status else "read"] += not outcome.problems
        findings.slowest_seconds = max(findings.slowest_seconds, round(outcome.seconds, 1))
        findings.peak_memory_bytes = max(findings.peak_memory_bytes, outcome.memory)
        if outcome.problems:
            findings.failures.append(
                f"{case.rule}, {case.name}: {'; '.join(outcome.problems)}: {outcome.output[-300:]}"
            )
            say(ascii(findings.failures[-1]))


# --- The clean run


def commands(address: str) -> Iterator[list[str]]:
    """Of a small study, and of what else cases ask for."""
    study = ["--phase", "phase1", "--condition", "baseline"]
    yield ["data", "prepare", "all", "--from", "../archives"]
    yield ["data", "prepare", "image_folder", "--generator", "CogView2", "--mirror", f"{address}/{CLEAN}"]
    yield ["data", "verify"]
    yield ["run-grid", *study, "--no-sweep", "--epochs", "1", "--scale", str(SCALE)]
    yield ["examine", *study]
    yield ["tables"]
    yield ["predict", "saved_models/x.png", "--format", "csv", "--output", "answers.csv"]


def clean_run(folder: Path, address: str) -> dict[str, str]:
    """Runs the commands in `folder`, and returns the digest of what each file says, by its name."""
    (folder / "saved_models").mkdir(parents=True)
    (folder / "saved_models" / tampering.IMAGE).write_bytes(hostile_archives.picture())
    for command in commands(address):
        line = [sys.executable, "-m", "cifake_keras.cli", *command]
        subprocess.run(line, cwd=folder, check=True, capture_output=True)
    return {name: _digest(name, path) for name, path in kills.visible(folder).items()}


def _digest(name: str, path: Path) -> str:
    """Of a SavedModel, which is not the same to the byte from one writing to the next, the length of its weights."""
    if name.startswith("saved_models/") and path.suffix not in (".json", ".png"):
        return str(path.stat().st_size) if "variables.data" in name else ""
    return hashlib.sha256(repr(kills.content(path)).encode()).hexdigest()


def compared(before: dict[str, str], after: dict[str, str], findings: Findings) -> dict[str, object]:
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    findings.failures += [f"the clean run after all cases differs in {name}" for name in names]
    whole = [hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest() for digests in (before, after)]
    return {"files": len(before), "differing": len(names), "digest_before": whole[0], "digest_after": whole[1]}


# --- All of it


def imported(names: Iterable[str]) -> None:
    for name in names:
        importlib.import_module(name)


def drawn(cases: Iterable[Case], most: int, rng: random.Random) -> list[Case]:
    """Of each rule so many at most."""
    rules: dict[str, list[Case]] = {}
    for case in cases:
        rules.setdefault(case.rule, []).append(case)
    return [case for of_rule in rules.values() for case in rng.sample(of_rule, min(most, len(of_rule)))]


def examine(
    server: hostile_server.Server, origin: Path, sandbox: Sandbox, most: int, seed: int, findings: Findings
) -> None:
    """Runs the cases. origin: the folder with what is tampered with. What needs TensorFlow comes last."""
    rng = random.Random(seed)
    served = drawn(hostile_server.cases(server, rng), most, rng)
    with server.running():
        imported(_IMPORTED)
        run(served, sandbox, findings)
        run(drawn(hostile_archives.cases(rng), most, rng), sandbox, findings)
        own = tampering.cases([*tampering.of_data(), *tampering.of_results()], origin, rng)
        run(drawn(own, most, rng), sandbox, findings)
        imported(_IMPORTED_LATER)
        models = tampering.cases([*tampering.of_models(), *tampering.of_the_grid(SCALE)], origin, rng)
        run(drawn(models, most, rng), sandbox, findings)


def findings_in(root: Path, most: int, seed: int) -> dict[str, object]:
    """What hostile.json is to hold. root: an empty folder."""
    sandbox, server, findings = Sandbox(root / "sandbox"), hostile_server.Server(), Findings()
    server.answers[CLEAN] = hostile_server.honest()
    stand_ins.write(protocol.phases("paper", SCALE)["phase1"], root / "archives")
    with server.running():
        before = clean_run(root / "study", server.address)
    origin = (root / "study").rename(root / "origin")
    shutil.copy(PRETRAINED / litert.FILE, origin / tampering.MODELS)
    tampering.save(origin)
    examine(server, origin, sandbox, most, seed, findings)
    with server.running():
        after = clean_run(root / "study", server.address)
    clean = compared(before, after, findings)
    cases = sum(counts["cases"] for counts in findings.rules.values())
    limits = {"max_seconds": MAX_SECONDS, "max_memory_bytes": MAX_MEMORY}
    return {"seed": seed, "cases": cases, **limits, **dataclasses.asdict(findings), "clean_run": clean}


@click.command()
@click.option("--most", type=click.IntRange(1), default=24, show_default=True, help="Cases of a rule.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--results-dir", type=click.Path(path_type=Path), default="results", show_default=True)
def main(most: int, seed: int, results_dir: Path) -> None:
    """Run all cases between two clean runs, and write results/hostile.json; ten minutes on two idle cores."""
    with tempfile.TemporaryDirectory() as root:
        result = findings_in(Path(root), most, seed)
    files.write_json(results_dir / "hostile.json", result)
    sys.exit(bool(result["failures"]))


if __name__ == "__main__":
    main()
