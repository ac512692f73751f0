"""The store gives what the encoder gives, whatever happened while it was built."""

import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap

import pytest
import torch
from PIL import Image
from pillow_calls import count_pillow_calls
from small_stores import open_store, small_vgg, straight

from captioner.encoders.feature_store import builder, claims
from captioner.encoders.feature_store.store import FeatureStore
from captioner.encoders.vgg import VGG
from captioner.errors import UserError


def files(store):
    return store.shards[0].data_path.read_bytes(), store.shards[0].index_path.read_bytes()


def test_features_come_back_in_the_order_asked_for(pictures, tmp_path):
    encoder = small_vgg()
    store = open_store(encoder, pictures, tmp_path / "store", batch_size=4)
    keys = ["key3", "key10", "key0", "key3", "key7"]
    expected = straight(encoder, pictures, keys)
    features_BLF = store.read(keys)
    assert features_BLF.dtype == torch.float32
    assert features_BLF.shape == (5, 64, 32)
    torch.testing.assert_close(features_BLF, expected, rtol=1e-3, atol=1e-4)  # 16 bits: 11 of mantissa
    assert len(store) == 11
    assert "key3" in store
    assert "key11" not in store
    with pytest.raises(UserError, match="no features of key11: it is not in the store"):
        store.read(["key11"])


def test_a_second_opening_computes_nothing_and_another_encoder_all(pictures, tmp_path, monkeypatch):
    encoder = small_vgg()
    store = open_store(encoder, pictures, tmp_path / "store")
    other = open_store(small_vgg(resize="squash"), pictures, tmp_path / "store")
    assert other.folder != store.folder
    assert not torch.equal(other.read(["key1"]), store.read(["key1"]))
    monkeypatch.setattr(VGG, "forward", lambda *_: pytest.fail("encoded again"))
    again = open_store(small_vgg(), pictures[::-1], tmp_path / "store")
    assert torch.equal(again.read(["key1", "key2"]), store.read(["key1", "key2"]))


def test_features_of_another_precision_have_a_store_of_their_own(pictures, tmp_path, monkeypatch):
    encoder = small_vgg(batch_norm=True)
    exact = open_store(encoder, pictures, tmp_path / "store")
    monkeypatch.setattr("captioner.precision.cpu_has_bf16_instructions", lambda: True)
    short = open_store(encoder, pictures, tmp_path / "store", precision="auto")
    assert next(encoder.parameters()).dtype == torch.float32, "the encoder itself stays as it is"
    assert (exact.folder.name + "-bf16", "bf16") == (short.folder.name, short.about.pop("precision"))
    assert short.about == exact.about, "a store in fp32 is named and headed as one without a precision"
    found, expected = short.read(["key1", "key5"]), exact.read(["key1", "key5"])
    assert not torch.equal(found, expected)
    assert (found - expected).norm() < 0.03 * expected.norm()


def test_each_picture_is_decoded_and_resized_once(pictures, tmp_path, monkeypatch):
    counts = count_pillow_calls(monkeypatch)
    for _ in range(2):
        open_store(small_vgg(), pictures, tmp_path / "store", batch_size=4)
        assert counts == {"open": 11, "resize": 11}


def test_more_pictures_are_added_and_changed_ones_replaced(pictures, tmp_path):
    encoder = small_vgg()
    open_store(encoder, pictures[:5], tmp_path / "store", batch_size=2)
    store = open_store(encoder, pictures, tmp_path / "store", batch_size=4)
    keys = [key for key, _ in pictures]
    torch.testing.assert_close(store.read(keys), straight(encoder, pictures, keys), rtol=1e-3, atol=1e-4)
    before = store.read(keys)
    Image.new("RGB", (33, 44), "red").save(pictures[2][1])
    store = open_store(encoder, pictures, tmp_path / "store")
    changed = [not torch.equal(now, then) for now, then in zip(store.read(keys), before, strict=True)]
    assert changed == [number == 2 for number in range(11)]
    assert len(store) == 11


def test_bytes_are_pictures_too(pictures, tmp_path):
    encoder = small_vgg()
    from_files = open_store(encoder, pictures, tmp_path / "a").read(["key4"])
    in_memory = [(key, path.read_bytes()) for key, path in pictures]
    assert torch.equal(open_store(encoder, in_memory, tmp_path / "b").read(["key4"]), from_files)


KILLED = """
    import os, signal, sys, torch
    from pathlib import Path
    from captioner.encoders.vgg import VGG
    from captioner.encoders.feature_store.builder import open_store
    from captioner.encoders.views import View

    torch.manual_seed(7)
    encoder = VGG(11, width=0.125, layer="conv3_1", weights=None, image_size=32)
    through, count = encoder.forward, 0

    def forward(images_BCHW):
        global count
        count += 1
        if count == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return through(images_BCHW)

    encoder.forward = forward
    pictures = [View(f"key{n * 5 % 11}", Path(sys.argv[1]) / f"{n}.png") for n in range(11)]
    open_store(encoder, pictures, Path(sys.argv[2]), batch_size=2)
"""


def test_a_killed_build_goes_on_and_ends_as_one_that_was_not(pictures, tmp_path):
    pictures[1][1].write_bytes(b"broken")
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path), str(tmp_path / "killed")]
    assert subprocess.run(command, env=os.environ, capture_output=True).returncode == -signal.SIGKILL
    (home,) = (tmp_path / "killed").iterdir()
    begun = FeatureStore(home)
    assert len(begun) == 3
    # As if killed in the middle of writing the next batch, too.
    with open(begun.shards[0].data_path, "ab") as data, open(begun.shards[0].index_path, "ab") as index:
        data.write(b"half a batch")
        index.write(b'{"pictures": [["key')
    encoder = small_vgg()
    resumed = open_store(encoder, pictures, tmp_path / "killed", batch_size=2)
    whole = open_store(encoder, pictures, tmp_path / "whole", batch_size=2)
    assert resumed.shards[0].data_path.read_bytes() == whole.shards[0].data_path.read_bytes()
    assert resumed._places == whole._places
    assert resumed.unreadable == whole.unreadable
    resumed.verify()


def test_unreadable_pictures_are_named_counted_left_out_and_tried_again(pictures, tmp_path, capsys):
    good = pictures[6][1].read_bytes()
    pictures[6][1].write_bytes(good[:50])
    pictures[3][1].unlink()
    encoder = small_vgg()
    store = open_store(encoder, pictures, tmp_path / "store", batch_size=4)
    told = capsys.readouterr().err
    assert "2 of 11 pictures are left out" in told
    assert "3.png cannot be read: there is no such file" in told
    assert len(store) == 9
    assert set(store.unreadable) == {pictures[3][0], pictures[6][0]}
    with pytest.raises(UserError, match=r"6\.png cannot be read"):
        store.read([pictures[6][0]])
    pictures[6][1].write_bytes(good)
    store = open_store(encoder, pictures, tmp_path / "store")
    assert len(store) == 10
    assert set(store.unreadable) == {pictures[3][0]}
    key = pictures[6][0]
    torch.testing.assert_close(store.read([key]), straight(encoder, pictures, [key]), rtol=1e-3, atol=1e-4)


def test_nothing_readable_is_no_crash(tmp_path):
    store = open_store(small_vgg(), [("a", tmp_path / "a.jpg")], tmp_path / "store")
    assert len(store) == 0
    assert "no such file" in store.unreadable["a"]


def test_the_size_is_announced_and_a_full_disk_refused(pictures, tmp_path, capsys, monkeypatch):
    encoder = small_vgg(layer="conv1_1")  # 1024 locations, 8 features, 16 bits
    open_store(encoder, pictures, tmp_path / "store")
    assert f"features of 11 pictures, {11 * 1024 * 8 * 2 / 1e9:.2f} GB" in capsys.readouterr().err
    full = type("Usage", (), {"free": 11 * 1024 * 8 * 2 - 1})
    monkeypatch.setattr(builder.shutil, "disk_usage", lambda _: full)
    with pytest.raises(UserError, match="no room"):
        open_store(encoder, pictures, tmp_path / "other")


def test_a_damaged_store_is_noticed(pictures, tmp_path):
    store = open_store(small_vgg(), pictures, tmp_path / "store", batch_size=1)
    data, index = files(store)
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    damages = {
        "flipped": (bytes(flipped), index),
        "short": (data[:-2], index),
        "index": (data, index.replace(b'"crc32"', b'"crc"', 1)),
        "text": (data, b"{]\n" + index),
    }
    for damage, (new_data, new_index) in damages.items():
        store.shards[0].data_path.write_bytes(new_data)
        store.shards[0].index_path.write_bytes(new_index)
        with pytest.raises(UserError, match=r"is damaged: delete .*index\.jsonl and features"):
            FeatureStore(store.folder).verify()
        assert damage
    store.shards[0].data_path.write_bytes(data)
    store.shards[0].index_path.write_bytes(index)
    FeatureStore(store.folder).verify()
    with pytest.raises(UserError, match="There is no feature store in"):
        FeatureStore(tmp_path)


def test_opening_checks_the_first_and_the_last_batch(pictures, tmp_path):
    store = open_store(small_vgg(), pictures, tmp_path / "store", batch_size=1)
    data, _ = files(store)
    for place in (0, -1):
        flipped = bytearray(data)
        flipped[place] ^= 1
        store.shards[0].data_path.write_bytes(bytes(flipped))
        with pytest.raises(UserError, match="damaged"):
            open_store(small_vgg(), pictures, tmp_path / "store")


def test_a_store_of_another_encoder_is_not_used(pictures, tmp_path):
    store = open_store(small_vgg(), pictures, tmp_path / "store")
    header, rest = store.shards[0].index_path.read_text().split("\n", 1)
    store.shards[0].index_path.write_text(json.dumps(json.loads(header) | {"fingerprint": "0"}) + "\n" + rest)
    with pytest.raises(UserError, match="another encoder"):
        open_store(small_vgg(), pictures, tmp_path / "store")


@pytest.mark.parametrize("value", [66000.0, float("nan"), float("inf")])
def test_features_beyond_sixteen_bits_are_refused(pictures, tmp_path, value):
    encoder = small_vgg()
    with torch.no_grad():
        encoder.layers.conv3_1.bias[0] = value
    with pytest.raises(UserError, match=r"A feature of key\d+ is .* 65504: train without the store"):
        open_store(encoder, pictures, tmp_path / "store")


def test_an_encoder_in_training_is_refused(pictures, tmp_path):
    with pytest.raises(UserError, match="being trained"):
        open_store(small_vgg(fine_tune_from="conv3_1"), pictures, tmp_path / "store")


def test_a_store_travels_to_other_processes_without_its_data(pictures, tmp_path):
    store = open_store(small_vgg(layer="conv1_1"), pictures, tmp_path / "store")
    expected = store.read(["key9", "key2"])
    packed = pickle.dumps(store)
    assert len(packed) < 5000 < store.shards[0].data_path.stat().st_size
    assert torch.equal(pickle.loads(packed).read(["key9", "key2"]), expected)


def small_shards(monkeypatch, rows=3):
    monkeypatch.setattr(claims, "SHARD_BYTES", rows * 64 * 32 * 2)


def test_large_stores_are_of_several_files_that_are_read_as_one(pictures, tmp_path, monkeypatch):
    small_shards(monkeypatch)
    monkeypatch.setattr(builder, "BATCHES_PER_CLAIM", 1)
    encoder = small_vgg()
    store = open_store(encoder, pictures, tmp_path / "store", batch_size=2)
    assert [shard.rows for shard in store.shards.values()] == [4, 4, 3]
    keys = ["key3", "key10", "key0", "key3", "key7", "key5"]
    expected = straight(encoder, pictures, keys)
    torch.testing.assert_close(store.read(keys), expected, rtol=1e-3, atol=1e-4)
    again = FeatureStore(store.folder)
    assert torch.equal(pickle.loads(pickle.dumps(again)).read(keys), store.read(keys))
    assert sorted(path.name for path in store.folder.glob("features*")) == [
        "features-1.f16",
        "features-2.f16",
        "features.f16",
    ]


def test_the_latest_features_count_in_whatever_file_they_are(pictures, tmp_path, monkeypatch):
    """Shard 0 has room again when limits grow: a picture of shard 1 that changes is written to it."""
    encoder = small_vgg()
    with monkeypatch.context() as patch:
        small_shards(patch)
        patch.setattr(builder, "BATCHES_PER_CLAIM", 1)
        open_store(encoder, pictures, tmp_path / "store", batch_size=2)
    key, path = pictures[6]
    Image.new("RGB", (33, 44), "red").save(path)
    store = open_store(encoder, pictures, tmp_path / "store")
    assert [shard.rows for shard in store.shards.values()] == [5, 4, 3]
    for one in (store, FeatureStore(store.folder)):
        torch.testing.assert_close(one.read([key]), straight(encoder, pictures, [key]), rtol=1e-3, atol=1e-4)


def test_a_damaged_file_is_computed_again_and_the_others_stay(pictures, tmp_path, monkeypatch):
    small_shards(monkeypatch)
    monkeypatch.setattr(builder, "BATCHES_PER_CLAIM", 1)
    store = open_store(small_vgg(), pictures, tmp_path / "store", batch_size=2)
    before, shard = store.read([key for key, _ in pictures]), store.shards[1]
    shard.data_path.write_bytes(shard.data_path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"delete .*index-1\.jsonl and features-1\.\* beside it"):
        open_store(small_vgg(), pictures, tmp_path / "store")
    shard.index_path.unlink()
    shard.data_path.unlink()
    encoded = []
    forward = VGG.forward
    monkeypatch.setattr(VGG, "forward", lambda self, x: encoded.append(len(x)) or forward(self, x))
    store = open_store(small_vgg(), pictures, tmp_path / "store", batch_size=2)
    assert sum(encoded) == 4
    torch.testing.assert_close(store.read([key for key, _ in pictures]), before, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float8", "int8"])
def test_eight_bits_have_a_store_of_their_own_of_half_the_size(pictures, tmp_path, dtype):
    encoder = small_vgg()
    half = open_store(encoder, pictures, tmp_path / "store")
    small = open_store(encoder, pictures, tmp_path / "store", dtype=dtype)
    assert half.folder != small.folder
    sizes = [store.shards[0].data_path.stat().st_size for store in (half, small)]
    assert sizes[1] == sizes[0] // 2 + 11 * 64 * (4 if dtype == "float8" else 8)
    keys = [key for key, _ in pictures]
    exact = half.read(keys)
    assert float((small.read(keys) - exact).abs().max() / exact.abs().max()) < 0.05
    assert not torch.equal(small.read(keys), exact)
