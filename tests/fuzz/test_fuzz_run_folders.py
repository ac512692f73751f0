"""Run folders with damage: resumed from the same bits, or refused with a sentence."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import assert_same, newest
from tiny_models import tiny_config

from captioner.config import load
from captioner.training.logs.metrics_file import MetricsFile
from captioner.training.resume_file import RESUME_FILE, check_resume_file, read_resume_file
from captioner.training.train import train
from fuzz.damage import damaged_bytes, works_or_says_why, written

FILES = (RESUME_FILE, "metrics.csv", "config.yaml")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(tiny_config("char_lm", folder / "data", "trainer.max_epochs=1"), folder / "whole")
    return folder / "whole", newest(folder / "whole")


def read(folder, name):
    """Read a file as `train --resume` does."""
    if name == RESUME_FILE:
        return read_resume_file(check_resume_file(folder))
    return MetricsFile(folder / name).rows if name == "metrics.csv" else load(folder / name)


@given(name=st.sampled_from(FILES), data=st.data())
def test_damaged_bytes_are_refused_or_change_nothing(run_folder, name, data):
    """A resume file that is accepted holds the bits that were saved."""
    whole, saved = run_folder
    folder = whole.parent / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    written(folder, name, data.draw(damaged_bytes((whole / name).read_bytes())))

    def resume():
        found = read(folder, name)
        if name == RESUME_FILE:
            assert_same(found, saved)

    works_or_says_why(resume)


@given(st.lists(st.text(max_size=30), max_size=5), st.booleans())
def test_any_text_as_metrics(run_folder, lines, with_header):
    folder = run_folder[0].parent / "figures"
    text = "\n".join(["step,epoch,train/loss"] * with_header + lines) + "\n"
    written(folder, "metrics.csv", text.encode("utf-8", "replace"))

    def log():
        logger = MetricsFile(folder / "metrics.csv")
        logger.log_metrics({"train/loss": 1.5}, 7)
        logger.save()
        assert MetricsFile(folder / "metrics.csv").rows[-1]["train/loss"] == "1.5"

    works_or_says_why(log)
