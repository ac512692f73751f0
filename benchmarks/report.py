"""Figures of a benchmark, with the machine they were measured on: printed, and added to a JSON file.

    options = benchmark_parser(__doc__).parse_args()
    figures = Report("search", options.json)                # prints the machine
    figures.add("attention, captioner", 69.2, "captions/s", higher_is_better=True)

A file holds a list of runs. A run is added to those that are there, so that several benchmarks can write one
file; `benchmarks/compare.py` compares two.
"""

import argparse
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from captioner.errors import UserError
from captioner.processes import num_cores

INSTRUCTION_SETS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "avx512_fp16": "AVX-512 FP16",
    "amx_bf16": "AMX BF16",
    "amx_int8": "AMX INT8",
    "asimd": "NEON",
    "sve": "SVE",
    "bf16": "BF16",
}
"""As /proc/cpuinfo calls them, and as they are printed; the last three are those of ARM."""


class Figure(BaseModel):
    """A number that was measured."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    value: float
    unit: str
    higher_is_better: bool


class BenchmarkRun(BaseModel):
    """The figures of one run of a benchmark, and the machine, by name."""

    benchmark: str
    machine: dict[str, str]
    figures: dict[str, Figure]


RUNS = TypeAdapter(list[BenchmarkRun])


def read_runs(file: Path) -> list[BenchmarkRun]:
    """Read a file of figures; a UserError says why it is none."""
    try:
        return RUNS.validate_json(file.read_bytes())
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from None
    except ValidationError:
        raise UserError(f"{file} is no file of figures that a benchmark wrote with --json.") from None


def figures_file(text: str) -> Path:
    """Return the path of --json, of a file that is new or has figures; argparse prints what is wrong."""
    file = Path(text)
    try:
        if file.exists():
            read_runs(file)
        elif not file.absolute().parent.is_dir():
            raise UserError(f"There is no folder {file.parent}.")
    except UserError as mistake:
        raise argparse.ArgumentTypeError(str(mistake)) from None
    return file


def benchmark_parser(description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a benchmark, with the option that all have."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--json", type=figures_file, metavar="FILE", help="add the figures to this file")
    return made


class Report:
    """The figures of this run. The machine is printed at once, and the file written after each figure.

    Args:
        benchmark: its name.
        file: where the figures are added, if anywhere.
        precision: of what is measured.
    """

    def __init__(self, benchmark: str, file: Path | None = None, precision: str = "float32") -> None:
        self.file = file
        self.earlier = read_runs(file) if file and file.exists() else []
        self.run = BenchmarkRun(benchmark=benchmark, machine=machine(precision), figures={})
        for name, value in self.run.machine.items():
            print(f"{name}: {value}")
        print(flush=True)

    def add(self, name: str, value: float, unit: str, *, higher_is_better: bool) -> None:
        """Print a figure, and record it.

        Args:
            name: what was measured, of which side.
            value: the number, a median where there were rounds.
            unit: for a ratio, what it is a ratio of.
            higher_is_better: whether a greater number is the better one.
        """
        self.record(name, value, unit, higher_is_better=higher_is_better)
        print(f"{name:46} {formatted(value):>9} {unit}", flush=True)

    def record(self, name: str, value: float, unit: str, *, higher_is_better: bool) -> None:
        """Record a figure that the benchmark prints in a table of its own.

        Args:
            name: what was measured, of which side.
            value: the number, a median where there were rounds.
            unit: for a ratio, what it is a ratio of.
            higher_is_better: whether a greater number is the better one.
        """
        self.run.figures[name] = Figure(value=value, unit=unit, higher_is_better=higher_is_better)
        if self.file:
            self.file.write_bytes(RUNS.dump_json([*self.earlier, self.run], indent=1) + b"\n")


def formatted(value: float) -> str:
    """Return a number with three digits, or all that are before the point.

    >>> [formatted(value) for value in (0.04567, 4.567, 456.7, 45678.9, 1.3e-15)]
    ['0.0457', '4.57', '457', '45679', '1.3e-15']
    """
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine(precision: str) -> dict[str, str]:
    """Describe what a figure depends on: processor, instruction sets, threads, precision, versions."""
    import torch

    sets = ", ".join(instruction_sets(cpuinfo())) or "unknown"
    gpu = {"GPU": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {
        "processor": f"{processor(cpuinfo())}, {num_cores()} cores",
        "instruction sets": f"{sets}; torch: {torch.backends.cpu.get_cpu_capability()}",
        **gpu,
        "threads": str(torch.get_num_threads()),
        "precision": f"{precision}, products of float32: {torch.get_float32_matmul_precision()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        **libraries(torch.__config__.show()),
        "captioner": f"{version('captioner')}{commit()}",
    }


def cpuinfo() -> dict[str, str]:
    """Return what Linux says of the first core, nothing on other systems."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").split("\n\n")[0].splitlines() if file.exists() else []
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def processor(core: dict[str, str]) -> str:
    """Return the name of the processor."""
    return core.get("model name") or platform.processor() or platform.machine()


def instruction_sets(core: dict[str, str]) -> list[str]:
    """Return the instruction sets that kernels are chosen by, of the flags of a core."""
    flags = f"{core.get('flags', '')} {core.get('Features', '')}".split()
    return [name for flag, name in INSTRUCTION_SETS.items() if flag in flags]


def libraries(about: str) -> dict[str, str]:
    """Return the versions of MKL and oneDNN from torch's account of how it was built."""
    patterns = {"MKL": r"Math Kernel Library Version (\S+?)-", "oneDNN": r"(?:MKL-DNN|oneDNN) v(\S+)"}
    found = ((name, re.search(pattern, about)) for name, pattern in patterns.items())
    return {name: match[1] for name, match in found if match}


def commit() -> str:
    """Return the commit that is checked out, in brackets; nothing outside of a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return f" ({done.stdout.strip()})" if done.stdout.strip() else ""
