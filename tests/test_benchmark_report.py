"""What benchmarks write down, and the comparison of two files of it."""

import argparse
import doctest
import json
import math
import subprocess
import sys
from pathlib import Path

import compare
import pytest
import report
import torch

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
SCRIPTS = [
    file
    for file in sorted(BENCHMARKS.glob("*.py"))
    if "__main__" in file.read_text() and file.stem != "compare"
]
EPYC = {
    "model name": "AMD EPYC",
    "flags": "fpu vme sse4_2 avx avx2 sha_ni avx512_unknown",
}
XEON = {
    "model name": "Intel Xeon",
    "flags": "amx_tile amx_int8 amx_bf16 avx512_bf16 avx512f avx2",
}


@pytest.mark.parametrize("module", [report, compare], ids=lambda module: module.__name__)
def test_doctests(module):
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_benchmark_can_write_its_figures(script):
    text = script.read_text(encoding="utf-8")
    assert "benchmark_parser(__doc__)" in text
    assert "Report(" in text
    assert ".add(" in text or ".record(" in text


def test_runs_are_added_to_a_file_with_all_that_was_said(tmp_path, capsys):
    file = tmp_path / "figures.json"
    first = report.Report("search", file)
    first.add("beam 5", 12.5, "captions/s", higher_is_better=True)
    first.record("not a number", math.inf, "nats", higher_is_better=False)
    report.Report("startup", file, precision="bfloat16").add("one", 0.25, "CPU s", higher_is_better=False)
    runs = report.read_runs(file)
    assert [(run.benchmark, run.figures) for run in runs] == [
        (
            "search",
            {
                "beam 5": report.Figure(value=12.5, unit="captions/s", higher_is_better=True),
                "not a number": report.Figure(value=math.inf, unit="nats", higher_is_better=False),
            },
        ),
        ("startup", {"one": report.Figure(value=0.25, unit="CPU s", higher_is_better=False)}),
    ]
    assert json.loads(file.read_text())[1]["machine"]["precision"].startswith("bfloat16")
    printed = capsys.readouterr().out.splitlines()
    assert f"torch: {torch.__version__}" in printed
    assert [line.split() for line in printed if "captions" in line] == [["beam", "5", "12.5", "captions/s"]]
    assert not any("not a number" in line for line in printed)


def test_a_machine_names_all_that_a_figure_depends_on():
    found = report.machine("float32")
    wanted = {"processor", "instruction sets", "threads", "precision", "python", "torch", "captioner"}
    assert wanted <= found.keys()
    assert found["threads"] == str(torch.get_num_threads())
    assert found["instruction sets"].endswith(torch.backends.cpu.get_cpu_capability())


def test_instruction_sets_are_whole_flags():
    assert report.instruction_sets(EPYC) == ["AVX2"]
    assert report.instruction_sets(XEON) == ["AVX2", "AVX-512", "AVX-512 BF16", "AMX BF16", "AMX INT8"]
    assert report.instruction_sets({"Features": "fp asimd bf16"}) == ["NEON", "BF16"]
    assert report.instruction_sets({}) == []


def test_versions_of_libraries():
    about = "- Intel(R) oneAPI Math Kernel Library Version 2024.2-Product\n - Intel(R) MKL-DNN v3.7.1 (Git)"
    assert report.libraries(about) == {"MKL": "2024.2", "oneDNN": "3.7.1"}
    assert report.libraries("PyTorch built with: nothing") == {}


def test_a_comparison_names_what_differs():
    old = [
        run("a", {"threads": "1", "torch": "2.6"}, speed=(4.0, True), seconds=(3.0, False), gone=(1.0, True)),
        run("a", {"threads": "1", "torch": "2.6"}, speed=(2.0, True)),
    ]
    new = [
        run("a", {"threads": "1", "torch": "2.7"}, speed=(5.0, True), seconds=(6.0, False)),
        run("b", {"threads": "2", "torch": "2.7"}, speed=(7.0, True)),
    ]
    assert [" ".join(line.split()) for line in compare.comparison(old, new)] == [
        "threads: 1 -> 1 and 2",
        "torch: 2.6 -> 2.7",
        "",
        "a: speed 2 -> 5 u, 2.50 times better",
        "a: seconds 3 -> 6 u, 2.00 times worse",
        "only in the old file: a: gone",
        "only in the new file: b: speed",
    ]


@pytest.mark.parametrize(
    ("old", "new", "higher_is_better", "said"),
    [
        (4.0, 5.0, True, "1.25 times better"),
        (5.0, 4.0, True, "1.25 times worse"),
        (4.0, 5.0, False, "1.25 times worse"),
        (5.0, 4.0, False, "1.25 times better"),
        (0.0, 0.0, False, "the same"),
        (0.0, 4.0, False, "no ratio"),
        (-1.0, 4.0, True, "no ratio"),
        (math.inf, 4.0, False, "no ratio"),
    ],
)
def test_a_ratio_says_which_is_better(old, new, higher_is_better, said):
    figures = (report.Figure(value=one, unit="u", higher_is_better=higher_is_better) for one in (old, new))
    assert compare.verdict(*figures) == said


def test_figures_of_other_units_have_no_ratio():
    old, new = (report.Figure(value=2.0, unit=unit, higher_is_better=True) for unit in ("ms", "s"))
    assert compare.verdict(old, new) == "no ratio: the old one is in ms"


def test_a_file_of_something_else_is_refused_in_one_sentence(tmp_path):
    figures, other = tmp_path / "figures.json", tmp_path / "other.json"
    report.Report("search", figures).record("x", 1.0, "s", higher_is_better=False)
    other.write_text('[{"benchmark": "search", "figures": 3}]')
    command = [sys.executable, str(BENCHMARKS / "compare.py")]
    done = subprocess.run([*command, str(figures), str(other)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{other} is no file of figures that a benchmark wrote with --json.\n"
    done = subprocess.run([*command, str(figures), str(figures)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the same" in done.stdout


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path, capsys):
    other = tmp_path / "other.json"
    other.write_text("{}")
    parser = report.benchmark_parser("doc")
    assert parser.parse_args(["--json", str(tmp_path / "new.json")]).json == tmp_path / "new.json"
    for file, why in ((other, "is no file of figures"), (tmp_path / "no/new.json", "There is no folder")):
        with pytest.raises(SystemExit, match="2"):
            parser.parse_args(["--json", str(file)])
        assert why in capsys.readouterr().err
    with pytest.raises(argparse.ArgumentTypeError, match="cannot be read"):
        report.figures_file(str(tmp_path))


def run(benchmark, machine, **figures):
    made = {
        name: report.Figure(value=value, unit="u", higher_is_better=higher)
        for name, (value, higher) in figures.items()
    }
    return report.BenchmarkRun(benchmark=benchmark, machine=machine, figures=made)
