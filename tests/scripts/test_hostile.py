"""scripts/hostile.py, in short: a few cases of each rule end as they have to, and one that does not is found."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sandbox
from sandbox import SECRET, changes, copied, snapshot

# In a process of its own, as cases are forked. Its cases are a server's, archives and images.
FEW = """
import json, random, sys
from pathlib import Path
import hostile, hostile_archives, hostile_server, sandbox
server, box = hostile_server.Server(), sandbox.Sandbox(Path(sys.argv[1]))
rng, findings = random.Random(1), hostile.Findings()
cases = hostile.drawn([*hostile_server.cases(server, rng), *hostile_archives.cases(rng)], 2, rng)
with server.running():
    hostile.run(cases, box, findings)
print(json.dumps([findings.rules, findings.failures]))
"""

# Each is wrong in another way.
WRONG = """
import json, os, sys
from pathlib import Path
import hostile, sandbox
sandbox.MAX_SECONDS = 2
def write(): Path("../outside/entered").touch()
def write_where_it_may(): Path("written/x").touch()
def fail(): raise ValueError
def colour(): print("\\x1b[31m")
def wait(): os.read(os.open(os.mkfifo("pipe") or "pipe", os.O_RDWR), 1)
def tell(): print(Path("../outside/secret.png").read_text())
def home(): Path("~/.left").expanduser().touch()
def end(): sys.exit(3)
def mkdir(folder, secret): (folder / "written").mkdir()
findings, box = hostile.Findings(), sandbox.Sandbox(Path(sys.argv[1]))
wrong = (write_where_it_may, write, fail, colour, wait, tell, home, end)
hostile.run([sandbox.Case("wrong", work.__name__, work, mkdir, ("written",)) for work in wrong], box, findings)
print(json.dumps([findings.rules, findings.failures]))
"""


def ran(program: str, folder: Path) -> list:
    line = [sys.executable, "-c", program, str(folder / "sandbox")]
    path = os.pathsep.join([str(Path(sandbox.__file__).parent), os.getcwd()])
    done = subprocess.run(line, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_hostile_cases_end_as_they_have_to(tmp_path):
    rules, failures = ran(FEW, tmp_path)
    assert failures == []
    assert {"statuses", "redirects", "listings", "tar archives", "zip archives", "images"} <= rules.keys()
    assert all(counts["cases"] == counts["refused"] + counts["read"] == 2 for counts in rules.values())


@pytest.mark.slow
def test_what_is_wrong_is_found(tmp_path):
    rules, failures = ran(WRONG, tmp_path)
    clauses = {name: problems for name, problems, *_ in (line.removeprefix("wrong, ").split(": ") for line in failures)}
    assert rules["wrong"] == {"cases": 8, "refused": 0, "read": 1}
    assert clauses["write"] == "made entered outside" and clauses["home"] == "made .left outside"
    assert clauses["fail"] == "ended with 1; a traceback" and clauses["end"] == "ended with 3"
    assert clauses["colour"] == "characters that a terminal obeys"
    assert clauses["wait"] == "took more than 2 s; made pipe outside"
    assert clauses["tell"] == "told or copied a file outside"


def test_every_change_outside_is_named(tmp_path):
    for name in ("changed", "removed", "written/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("before")
    (tmp_path / "link").symlink_to("changed")
    before = snapshot(tmp_path, [tmp_path / "written"])
    (tmp_path / "changed").write_text("after")
    (tmp_path / "removed").unlink()
    (tmp_path / "written" / "x").write_text(SECRET)
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("removed")
    os.mkfifo(tmp_path / "made")
    found = changes(before, snapshot(tmp_path, [tmp_path / "written"]))
    assert sorted(found) == ["changed changed", "changed link", "made made", "removed removed"]
    assert copied(SECRET, [tmp_path / "written"]) and not copied("another", [tmp_path / "written"])
