"""Many pictures into one file: killed at any moment, a full disk, broken shards, and Parquet."""

import errno
import io
import json
import subprocess
import sys
import tarfile

import pytest
from PIL import Image
from pyarrow import parquet

from captioner.commands import main
from captioner.files.json_lines import ResumableLines

COUNT = 200
KILLED = """
import json, os, random, signal, sys, time
import pyarrow.parquet, torch
import captioner.inference.bulk.caption_file, captioner.inference.caption
from captioner.commands import main

torch.set_num_threads(1)  # a process that was forked has no other threads
words, trials, seed = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])

def start(output):
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            main("caption", [*words, "--output", output])
            os._exit(0)
        finally:
            os._exit(1)
    return child

def num_lines(file):
    return open(file, "rb").read().count(b"\\n") if os.path.exists(file) else 0

assert os.waitpid(start("whole.parquet"), 0)[1] == 0
chance = random.Random(seed)
for trial in range(trials):
    child, moment = start(f"{trial}.parquet"), chance.randint(0, num_lines("whole.jsonl"))
    while num_lines(f"{trial}.jsonl") < moment:
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(num_lines(f"{trial}.jsonl"))
    assert os.waitpid(start(f"{trial}.parquet"), 0)[1] == 0
"""


def add_image(archive, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def shard(tmp_path, monkeypatch):
    """A shard of many pictures, one of which is none."""
    monkeypatch.chdir(tmp_path)
    gradient = Image.linear_gradient("L").resize((64, 64))
    with tarfile.open("a.tar", "w") as archive:
        for number in range(COUNT):
            content = io.BytesIO()
            gradient.rotate(number).convert("RGB").save(content, "PNG")
            add_image(archive, f"{number:03}.png", content.getvalue())
        add_image(archive, "none.png", b"no picture")
    return tmp_path / "a.tar"


def sentences(file):
    """Names with their words: rounding of their figures depends on what is in a batch."""
    rows = parquet.read_table(file).to_pylist()
    lines = [json.loads(line) for line in file.with_suffix(".jsonl").read_text().splitlines()]
    assert rows == lines
    return [(row["image"], row["error"], [one["words"] for one in row["captions"]]) for row in rows]


def test_a_kill_at_any_moment_loses_and_doubles_nothing(shard, tmp_path, tiny_model):
    trials = 4
    words = json.dumps([shard.name, "--model", str(tiny_model("caption"))])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, words, str(trials), "5"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert any(0 < int(lines) < COUNT for lines in done.stdout.split())
    expected = sentences(tmp_path / "whole.parquet")
    assert [name for name, _, _ in expected] == [*(f"{number:03}.png" for number in range(COUNT)), "none.png"]
    assert expected[-1][1].startswith("The picture a.tar/none.png cannot be read: it is not")
    for trial in range(trials):
        assert sentences(tmp_path / f"{trial}.parquet") == expected


def stopped(capsys, *words):
    """What a command says before it ends with status 2."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main("caption", list(words))
    assert left.value.code == 2
    return capsys.readouterr().err


def test_a_full_disk_ends_with_a_sentence_and_loses_no_line(shard, tmp_path, tiny_model, capsys, monkeypatch):
    asked = [shard.name, "--model", str(tiny_model("caption")), "--output", "captions.parquet"]
    write, written = ResumableLines.write, []

    class FullDisk(io.BytesIO):
        def write(self, content):
            raise OSError(errno.ENOSPC, "No space left on device")

    def write_some(self, line):
        if len(written) == 70:
            self._stream, kept = FullDisk(), self._stream
            try:
                write(self, line)
            finally:
                self._stream = kept
        written.append(line)
        write(self, line)

    with monkeypatch.context() as patch:
        patch.setattr(ResumableLines, "write", write_some)
        said = stopped(capsys, *asked)
    assert said.splitlines()[-1] == "scripts/caption.py: captions.jsonl: No space left on device."
    assert (tmp_path / "captions.jsonl").read_bytes().count(b"\n") == 70
    assert not (tmp_path / "captions.parquet").exists()
    main("caption", asked)
    assert len(sentences(tmp_path / "captions.parquet")) == COUNT + 1
    assert (
        f"captions.parquet: {COUNT - 69} pictures, 1 of them with an error; 70 were"
        in capsys.readouterr().err
    )


def test_a_shard_that_is_cut_off_is_captioned_as_far_as_it_goes(shard, tmp_path, tiny_model, capsys):
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (30, 20)).save("000.png")  # a name that the shard has too
    asked = [shard.name, "000.png", "--model", str(tiny_model("caption")), "--output", "captions.jsonl"]
    said = stopped(capsys, *asked)
    assert "left out: the shard a.tar: it is cut off or damaged after byte " in said
    assert "left out: 1 of " in said
    found = [json.loads(line) for line in (tmp_path / "captions.jsonl").read_text().splitlines()]
    assert 50 < len(found) < COUNT
    shard.write_bytes(whole)
    main("caption", asked)
    lines = [json.loads(line) for line in (tmp_path / "captions.jsonl").read_text().splitlines()]
    assert len({line["image"] for line in lines}) == len(lines) == COUNT + 1


def test_options_that_do_not_fit_are_refused_before_a_model_is_read(shard, capsys, monkeypatch):
    monkeypatch.setattr("captioner.models.folder.load_model", None)
    for more, says in (
        (["--workers", "ray"], "add --output"),
        (["--workers", "dask", "--output", "a.jsonl"], "must be ray or ray:ADDRESS"),
        (["--output", "a.tar/a.parquet"], "is no folder"),
    ):
        assert says in stopped(capsys, shard.name, *more)
