"""Captions of a Ray cluster of two nodes, one of which is lost: as those of the plain loop."""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from captioner.commands import main
from captioner.errors import UserError
from captioner.inference.bulk.ray_workers import without_bytes

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
    # Ray's own, when it is imported and when its processes are left to end.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
COUNT = 240
NODE = {"num_cpus": 1, "object_store_memory": 100_000_000}
NOTICED_SOON = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 4,
}
COMMAND = [sys.executable, "-c", "from captioner.commands import main; main('caption')"]


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    (tmp_path / "photos").mkdir()
    gradient = Image.linear_gradient("L").resize((64, 64))
    for number in range(COUNT):
        gradient.rotate(number / 2).convert("RGB").save(f"photos/{number:03}.png")
    (tmp_path / "photos/100b.png").write_text("no picture")
    return tmp_path


def captions(file):
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    by_name = {line["image"]: line for line in lines}
    assert len(by_name) == len(lines), "no picture twice"
    return by_name


def test_a_cluster_that_loses_a_node_captions_every_picture_once(photos, tiny_model):
    from ray.cluster_utils import Cluster

    asked = ["photos", "--model", str(tiny_model("caption"))]
    main("caption", [*asked, "--output", "plain.jsonl"])
    head = {**NODE, "include_dashboard": False, "_system_config": NOTICED_SOON}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        lost = cluster.add_node(**NODE, node_ip_address="127.0.0.2")  # so that the command joins the head
        file = photos / "ray.jsonl"
        command = [*COMMAND, *asked, "--output", file.name, "--workers", f"ray:{cluster.address}"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            while process.poll() is None and not (file.exists() and file.read_bytes().count(b"\n") > 60):
                time.sleep(0.05)
            cluster.remove_node(lost, allow_graceful=False)
            said = process.communicate(timeout=400)[0]
    finally:
        cluster.shutdown()
    assert process.returncode == 0, said
    found, expected = captions(file), captions(photos / "plain.jsonl")
    assert found.keys() == expected.keys()
    for name, line in expected.items():
        assert found[name]["error"] == line["error"]
        for own, other in zip(found[name]["captions"], line["captions"], strict=True):
            assert own["words"] == other["words"]
            assert own["word_log_probs"] == pytest.approx(other["word_log_probs"], abs=1e-4)


def test_bytes_are_not_sent_through_the_cluster():
    with pytest.raises(UserError, match="takes files and tar shards"):
        list(without_bytes([("a", Path("a.png")), ("b", b"content")]))


def test_without_ray_it_is_asked_for(photos, tiny_model, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SystemExit):
        main(
            "caption",
            ["photos", "--model", str(tiny_model("caption")), "--output", "a.jsonl", "--workers", "ray"],
        )
    assert "pip install 'captioner[ray]'" in capsys.readouterr().err
