"""A machine that does not exist, for made-up benchmarks."""

from mmoe.export.bench.machine import Power
from mmoe.export.bench.report import Machine


def made_up_machine(load_average: tuple[float, float]) -> Machine:
    """Two CPUs, named abacus, on a battery that grows emptier."""
    return Machine(
        name="Counting frame", system="Wood 1", cpu="abacus", cpus=2, memory_bytes=1_000_000,
        power=(Power(battery_level=0.5, charging=False), Power(battery_level=0.25, charging=False)),
        load_average=load_average, versions={"beads": "10"}, library="0.1.0",
    )  # fmt: skip
