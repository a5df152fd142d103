"""Which command is recorded on which input."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .inputs import (
    ERAS,
    SAMPLES,
    VARIANT_ERA,
    Build,
    fleet_inputs,
    generated_inputs,
    sample_inputs,
    shaped_inputs,
    values_inputs,
)

COMMITTED = ("article-v0.1.118", "slow-v1.5.1", "twenty-after", "twenty-before")
_RELEASE = re.compile(r"v\d+\.\d+\.\d+$")
_LATEST = "v1.5.1"
# Fitting takes seconds a run, so not every generated run is fitted.
_FITTED = (
    *(f"{case}-{era}" for case in ("slow-source", "mixture") for era in ERAS),
    *(
        f"{case}-{VARIANT_ERA}"
        for case in ("healthy", "resets", "stalls", "write-timeout", "disk-full", "slow-host", "bad-hour")
    ),
)
# What one side alone knows, and an answer that lacks its data.
_PARTS = (
    ("logs-only", "recommend"), ("scheduler-only", "fit"), ("scheduler-only", "recommend"), ("seeds-only", "fit"), ("jobs-only", "fit"),
)  # fmt: skip
_PAIRS = (
    *((f"healthy-{era}", f"slow-source-{era}") for era in ERAS),
    *((f"{case}-{VARIANT_ERA}", f"healthy-{VARIANT_ERA}") for case in ("slow-source", "bad-hour", "killed")),
)
_VALUES: dict[str, tuple[tuple[str, ...], ...]] = {
    "defaults.yaml": tuple(("--chart", chart) for chart in ("1.1.66", "1.3.26", "1.4.1", "1.7.4")),
    "article.yaml": (("--chart", "1.2.24"), ("--chart", "1.7.4", "--bandwidth", "10MB/s")),
    "mistakes.yaml": (("--chart", "1.7.4"), ()),
    "generous.yaml": (("--chart", "1.7.4", "--bandwidth", "1Gbit/s", "--layers", "4"),),
    "dfdaemon.yaml": (("--client", "v1.5.1"), ("--client", "v0.1.118")),
}


@dataclass(frozen=True)
class Case:
    """A command on inputs; `name` is where the answer is recorded, ``group/input.command``."""

    name: str
    inputs: tuple[str, ...]
    options: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The folder of the inputs and of the answers."""
        return self.name.partition("/")[0]

    @property
    def command(self) -> str:
        """The command's name."""
        return self.name.rpartition(".")[2]

    @property
    def arguments(self) -> list[str]:
        """The command line without the program's name."""
        return [self.command, *self.inputs, *self.options, "--format", "json"]


def load_cases(real: Path | None) -> tuple[list[Case], dict[str, dict[str, Build]]]:
    """Return all cases, and how the inputs of each group are made; the real runs are in the folder `real`."""
    cases = [*_run_cases("samples", COMMITTED), *_generated_cases(), *_fleet_cases(), *_values_cases()]
    cases += [_case("shapes", name, "diagnose") for name in shaped_inputs()]
    cases += [_case("shapes", name, command) for name, command in _PARTS]
    inputs = {
        "samples": sample_inputs(COMMITTED, SAMPLES),
        "generated": generated_inputs(),
        "shapes": shaped_inputs(),
        "fleet": fleet_inputs(),
        "values": values_inputs(),
    }
    if real is not None:
        archives = sorted(path.name.removesuffix(".tar.gz") for path in real.glob("*.tar.gz"))
        cases += _run_cases("real", tuple(name for name in archives if name not in COMMITTED))
        inputs["real"] = sample_inputs(tuple(archives), real)
    return sorted(cases, key=lambda case: case.name), inputs


def _case(group: str, name: str, command: str, *options: str, given: tuple[str, ...] = ()) -> Case:
    return Case(f"{group}/{name}.{command}", given or (name,), options)


def _run_cases(group: str, names: tuple[str, ...]) -> list[Case]:
    """Return each command on each run; a run is compared with a better one of the same client."""
    made = []
    for name in names:
        archive, client = f"{name}.tar.gz", _client(name)
        better = _better(group, name)
        made += [
            _case(group, name, "diagnose", given=(archive,)),
            _case(group, name, "fit", given=(archive,)),
            _case(group, name, "recommend", "--size", "20GiB", given=(archive,)),
            _case(group, name, "check-config", "--client", client, "--bandwidth", "1Gbit/s"),
            _case(group, name, "compare", given=(archive, f"{better}.tar.gz")),
        ]
    return made


def _better(group: str, name: str) -> str:
    if group == "samples":
        return "twenty-before" if name == "twenty-after" else "twenty-after" if name == "twenty-before" else name
    client = _client(name)
    return "article-v0.1.118" if client == "v0.1.118" else f"healthy-{client}"


def _client(name: str) -> str:
    found = _RELEASE.search(name)
    return found[0] if found else _LATEST


def _generated_cases() -> list[Case]:
    made = [_case("generated", name, "diagnose") for name in generated_inputs()]
    made += [_case("generated", name, command) for name in _FITTED for command in ("fit", "recommend")]
    made += [_case("generated", f"slow-source-{era}", "check-config", "--client", era) for era in ERAS]
    made += [_case("generated", f"{before}+{after}", "compare", given=(before, after)) for before, after in _PAIRS]
    return made


def _fleet_cases() -> list[Case]:
    made = [_case("fleet", name, command) for name in fleet_inputs() for command in ("diagnose", "fit", "recommend")]
    made += [_case("fleet", name, "check-config", "--client", _client(name)) for name in fleet_inputs()]
    before, after = fleet_inputs()
    return [*made, _case("fleet", f"{before}+{after}", "compare", given=(before, after))]


def _values_cases() -> list[Case]:
    made = []
    for name, choices in _VALUES.items():
        for options in choices:
            label = "+".join(option.replace("/", "-") for option in options if not option.startswith("--")) or "plain"
            made.append(_case("values", f"{name}+{label}", "check-config", *options, given=(name,)))
    return made
