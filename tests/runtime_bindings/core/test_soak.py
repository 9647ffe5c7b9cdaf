"""A process that runs for long: four thousand generations, eight hundred sessions, 120 openings, and no growth.

Ten seconds; CI takes ten thousand and so on, `MMOE_SOAK_ROUNDS=100` makes half an hour of it, and `-s` prints the
figures.
"""

from __future__ import annotations

import json
import os

import pytest

from mmoe.export.artifact.artifact import Artifact
from tests.support.subprocesses import run_python

ROUNDS = float(os.environ.get("MMOE_SOAK_ROUNDS", "0.4"))
# What the allocator's pools may move; a context of the model that is lost once in forty calls takes more.
FLAT_BYTES = 1_000_000

# A process of its own, since whatever else a test process has loaded comes and goes. Each part is sampled after a tenth
# of it as a warm-up, and ten times after that.
SCRIPT = """
import json, sys
from pathlib import Path
from mmoe.runtime_bindings.python.model import Model
from mmoe.runtime_bindings.python.sampling import SamplingConfig
from mmoe.runtime_bindings.python.session import Session

folder, rounds = sys.argv[1], float(sys.argv[2])

def sample():
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "anonymous": int(status["RssAnon"].split()[0]) * 1024,
        "resident": int(status["VmRSS"].split()[0]) * 1024,
        "mappings": len(Path("/proc/self/maps").read_text().splitlines()),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
    }

def generate(model, index):
    prompt = "Once upon a time " * (1 + index % 7)
    sampling = SamplingConfig(temperature=index % 2 * 0.8, seed=index)
    assert sum(1 for _ in model.generate(prompt, sampling=sampling, max_new_tokens=1 + index % 5)) > 0

def session(model, index):
    with Session(model) as session:
        session.prefill(model.tokenize("A lion and a mouse" * (1 + index % 3)))
        session.next()

def opening(_, index):
    with Model(folder, verify_checksums=index % 2 == 0) as model:
        session(model, index)

samples = {}
with Model(folder) as model:
    for use, count in ((generate, 10_000), (session, 2_000), (opening, 300)):
        for index in range(count // 10):
            use(model, index)
        samples[use.__name__] = [sample()]
        for _ in range(10):
            for index in range(round(count * rounds / 10)):
                use(model, index)
            samples[use.__name__].append(sample())
print(json.dumps(samples))
"""


@pytest.mark.slow
def test_memory_mappings_and_descriptors_stay_as_they_are(demo_artifact: Artifact) -> None:
    run = run_python(SCRIPT, demo_artifact.folder, ROUNDS, timeout=max(1200.0, 1200 * ROUNDS))
    assert run.returncode == 0, run.stderr
    for use, samples in json.loads(run.stdout).items():
        found = {name: [each[name] for each in samples] for name in samples[0]}
        for name in ("anonymous", "resident"):
            print(f"{use}, {name} MB:", *(f"{size / 1e6:.1f}" for size in found[name]))
        # Resident pages of files are the kernel's to keep or to drop; what a lost file would leave is a mapping.
        assert max(found["anonymous"]) - found["anonymous"][0] < FLAT_BYTES, f"{use}: {found['anonymous']}"
        assert found["mappings"][-1] - found["mappings"][0] < 5, f"{use}: {found['mappings']}"
        assert len(set(found["descriptors"])) == 1, f"{use}: {found['descriptors']}"
