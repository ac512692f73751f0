"""Processes that build a feature store at the same time divide the work, whatever happens to one of them."""

import signal
import subprocess
import sys
import textwrap

import torch
from small_stores import open_store, small_vgg, straight

from captioner.encoders.feature_store.claims import Claims
from captioner.encoders.feature_store.store import FeatureStore
from captioner.encoders.views import View


def views_of(pictures):
    return [View(*one) for one in pictures]


def test_two_builders_claim_different_pictures_and_inherit_from_one_that_ends(pictures, tmp_path):
    home = open_store(small_vgg(), [], tmp_path / "store").folder
    first, second = (Claims(FeatureStore(home), views_of(pictures)) for _ in range(2))
    with second:
        with first:
            mine = [view.key for view in first.take(4)]
            other = [view.key for view in second.take(5)]
            assert len({*mine, *other}) == 9
            assert len(first.take(4)) == 2
            assert first.take(4) == second.take(4) == []
        inherited = [view.key for view in second.take(9)]
    assert {*mine, *(pictures[place][0] for place in (9, 10))} == {*inherited}
    assert not list(home.glob("claim*"))


def test_a_builder_takes_what_another_has_computed_as_done(pictures, tmp_path):
    encoder = small_vgg()
    home = open_store(encoder, [], tmp_path / "store").folder
    with Claims(FeatureStore(home), views_of(pictures)) as waiting:
        assert len(waiting.take(2)) == 2
        store = open_store(encoder, pictures[2:], tmp_path / "store", batch_size=2)
        assert len(store) == 9
        assert waiting.take(9) == []
        assert list(waiting.unfinished) == [pictures[0][0], pictures[1][0]]
        assert len(waiting.store) == 9


TOGETHER = """
    import os, signal, sys, time, torch
    from pathlib import Path
    from captioner.encoders.feature_store.builder import open_store
    from captioner.encoders.vgg import VGG
    from captioner.encoders.views import View

    torch.manual_seed(7)
    encoder = VGG(11, width=0.125, layer="conv3_1", weights=None, image_size=32)
    through, count = encoder.forward, 0
    folder, name = Path(sys.argv[1]), sys.argv[2]

    def forward(images_BCHW):
        global count
        count += 1
        if name == "killed" and count == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.1)
        return through(images_BCHW)

    encoder.forward = forward
    views = [View(f"key{n}", folder / f"{n % 11}.png", n // 11) for n in range(44)]
    (folder / f"{name}.ready").touch()
    while len(list(folder.glob("*.ready"))) < 3:
        time.sleep(0.01)
    store = open_store(encoder, views, folder / "store", batch_size=1)
    print(len(store), count)
"""


def test_processes_build_a_store_together_and_one_is_killed(pictures, tmp_path):
    code = textwrap.dedent(TOGETHER)
    children = {
        name: subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("first", "second", "killed")
    }
    told = {name: child.communicate(timeout=300) for name, child in children.items()}
    assert children["killed"].returncode == -signal.SIGKILL
    counts = []
    for name in ("first", "second"):
        assert children[name].returncode == 0, told[name][1]
        number, encoded = map(int, told[name][0].split())
        assert number == 44
        counts.append(encoded)
    assert sum(counts) == 44 - 2  # the killed one had written two
    assert min(counts) > 5
    (home,) = (tmp_path / "store").iterdir()
    store = FeatureStore(home)
    store.verify()
    assert sum(shard.rows for shard in store.shards.values()) == len(store) == 44
    encoder = small_vgg()
    keys = [f"key{n}" for n in range(11)]
    expected = straight(encoder, [(f"key{n}", tmp_path / f"{n}.png") for n in range(11)], keys)
    torch.testing.assert_close(store.read(keys), expected, rtol=1e-3, atol=1e-4)
