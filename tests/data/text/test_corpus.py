"""Texts: where they come from, how they are parted, and the streams and chunks made of them."""

import itertools

import numpy as np
import pytest
import torch

from captioner.data.loader import SampleIndex
from captioner.data.text.alphabet import Alphabet
from captioner.data.text.batches import TextData
from captioner.data.text.corpus import CORPORA, Corpus, standard_library
from captioner.data.text.streams import Chunks, Stream, cut_text, divide
from captioner.errors import UserError
from captioner.training.data_module import DataModule
from captioner.vocabulary import PAD

NUMBERS = np.arange(4, 204, dtype=np.int32)  # a text in which every place has a symbol of its own


def read(chunks):
    return [chunks.__getitems__([SampleIndex(0, number)]) for number in range(len(chunks))]


def test_training_streams_are_contiguous_and_chunks_follow_each_other():
    streams = divide([Stream(0, 199)], 3, whole=False)
    assert streams == [Stream(0, 66), Stream(66, 66), Stream(132, 66)]
    batches = read(Chunks(NUMBERS, streams, 10, whole=False))
    assert [batch.starts for batch in batches] == [True] + [False] * 5
    for one, other in itertools.pairwise(batches):
        assert torch.equal(one.tokens_NT[:, -1], other.tokens_NT[:, 0])
    inputs_NT = torch.cat([batch.tokens_NT[:, :-1] for batch in batches], dim=1)
    targets_NT = torch.cat([batch.tokens_NT[:, 1:] for batch in batches], dim=1)
    assert inputs_NT.tolist() == [list(range(4 + s, 64 + s)) for s in (0, 66, 132)]
    assert torch.equal(targets_NT, inputs_NT + 1)


@pytest.mark.parametrize(("num_streams", "chunk"), [(1, 7), (3, 10), (4, 50), (7, 199), (60, 3)])
def test_validation_predicts_every_symbol_but_the_first_once(num_streams, chunk):
    streams = divide([Stream(20, 179)], num_streams, whole=True)
    targets = []
    for batch in read(Chunks(NUMBERS, streams, chunk, whole=True)):
        inputs_NT, targets_NT = batch.tokens_NT[:, :-1], batch.tokens_NT[:, 1:]
        mask_NT = targets_NT != PAD
        assert torch.equal(inputs_NT[mask_NT] + 1, targets_NT[mask_NT])
        targets += targets_NT[mask_NT].tolist()
    assert sorted(targets) == list(range(25, 204))


def test_the_tail_is_nanogpts():
    """Its prepare.py: data[:int(n * 0.9)] and the rest; 111,540 characters of tinyshakespeare."""
    parts = cut_text("tail", 1_115_394, 0.1, 0.0, 50, 50).parts
    assert parts["train"] == [Stream(0, 1_003_853)]
    assert parts["val"] == [Stream(1_003_854, 111_539)]
    parts = cut_text("tail", 1000, 0.05, 0.1, 50, 50).parts
    assert [parts[name][0] for name in ("train", "val", "test")] == [
        Stream(0, 849), Stream(850, 49), Stream(900, 99),
    ]  # fmt: skip


def test_torch_rnns_split_gives_what_is_left_over_to_train():
    parts = cut_text("torch_rnn", 1009, 0.1, 0.1, 50, 50).parts
    assert [parts[name][0] for name in ("train", "val", "test")] == [
        Stream(0, 808), Stream(809, 99), Stream(909, 99),
    ]  # fmt: skip


def test_char_rnns_split_is_islands_in_the_text():
    """57,500 characters of tinyshakespeare in 50 islands of 23 chunks of 50."""
    cut = cut_text("char_rnn", 1_115_394, 0.05, 0.0, 50, 50)
    assert cut.length == 446 * 2500
    assert {stream.length for stream in cut.parts["val"]} == {23 * 50}
    assert sum(stream.length for stream in cut.parts["val"]) == 57_500
    small = cut_text("char_rnn", 200, 0.25, 0.0, 3, 8)  # 8 columns of chunks in 3 rows of 64
    text = NUMBERS[: small.length]
    rows = text.reshape(3, 64)
    val = read(Chunks(text, divide(small.parts["val"], 1, whole=True), 8, whole=True))
    read_NT = torch.cat([batch.tokens_NT[:, :-1] for batch in val], dim=1)
    assert read_NT.tolist() == rows[:, 48:].tolist()
    wanted = np.roll(text, -1).reshape(3, 64)[:, 48:]  # its last target is the text's first character
    assert torch.cat([batch.tokens_NT[:, 1:] for batch in val], dim=1).tolist() == wanted.tolist()
    train = read(Chunks(text, divide(small.parts["train"], 3, whole=False), 8, whole=False))
    assert torch.cat([batch.tokens_NT[:, :-1] for batch in train], dim=1).tolist() == rows[:, :48].tolist()


def test_the_loader_goes_on_in_the_middle_of_a_pass(tmp_path):
    (tmp_path / "text").write_text("abcdefghij" * 30)
    made = DataModule(TextData(Corpus(str(tmp_path / "text"), chunk_length=7), 3))
    loader = made.train_dataloader()
    whole = [batch.tokens_NT for batch in loader]
    again = [batch.tokens_NT for batch in loader]
    assert all(torch.equal(*pair) for pair in zip(whole, again, strict=True))
    some = iter(loader)
    next(some), next(some)
    state = made.state_dict()
    assert state["position"] == {"epoch": 2, "batches": 2, "samples": 2, "ended": False}
    assert state["fingerprint"] == made.data.about["sha256"]
    other = DataModule(TextData(made.data.source, 3))
    other.load_state_dict(state)
    rest = [batch.tokens_NT for batch in other.train_dataloader()]
    assert all(torch.equal(*pair) for pair in zip(rest, whole[2:], strict=True))


@pytest.mark.parametrize("unit", ["characters", "bytes"])
def test_any_unicode_goes_there_and_back(unit):
    text = "naïve\r\n日本語 🙂\tπ"
    alphabet = Alphabet.of(text if unit == "characters" else b"", unit)
    assert alphabet.decode(alphabet.encode(text).tolist()) == text
    piecewise = alphabet.decoder()
    assert "".join(piecewise([number]) for number in alphabet.encode(text).tolist()) == text
    assert len(alphabet.symbols) == (len(set(text)) if unit == "characters" else 256)


@pytest.mark.parametrize(("text", "place"), [("abé", "'é' (U+00E9, character 3"), ("z", "'z' (U+007A")])
def test_an_unknown_character_is_named(text, place):
    with pytest.raises(UserError) as error:
        Alphabet.of("abcabc", "characters").encode(text)
    assert place in str(error.value)
    assert "It knows 'abc'." in str(error.value)


def test_the_standard_library_is_found_in_a_fixed_order():
    files = standard_library()
    assert files == sorted(files, key=lambda file: file.as_posix())
    assert {"abc.py", "zipapp.py"} <= {file.name for file in files}
    text = Corpus().read()
    assert 4e6 < len(text) < 9e6
    assert text.isascii()
    assert all(symbol in text for symbol in "\"'#([{\n")


def test_a_folder_or_a_pattern_is_read_by_name_without_what_is_no_text(tmp_path, capsys):
    (tmp_path / "b").mkdir()
    (tmp_path / "b/one.txt").write_text("2\r\n")
    (tmp_path / "a.txt").write_text("1")
    (tmp_path / ".hidden.txt").write_text("hidden")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\xff")
    assert Corpus(str(tmp_path)).read() == "12\r\n"
    assert "1 files are left out" in capsys.readouterr().err
    assert Corpus(str(tmp_path / "**/*.txt")).read() == "12\r\n"
    assert Corpus(str(tmp_path / "*.png"), unit="bytes").read() == b"\x89PNG\0\xff"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"a\0b", "is not text but binary; data.unit=bytes"),
        (b"a\0\xff", "is not text but binary"),
        ("caf\u00e9".encode("latin-1"), "is not UTF-8 text (byte 3)"),
        ("text".encode("utf-16"), "is not UTF-8 text (byte 0)"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, content, says):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(UserError) as error:
        Corpus(str(tmp_path / "file")).read()
    assert says in str(error.value)


def test_a_text_that_is_too_short_says_how_much_is_needed(tmp_path):
    (tmp_path / "file").write_text("x" * 400)
    with pytest.raises(UserError) as error:
        TextData(Corpus(str(tmp_path / "file"), chunk_length=40), 10)
    assert "400 characters leave 359 to predict in training" in str(error.value)
    assert "training.batch_size=10 streams of data.chunk_length=40 need 400" in str(error.value)
    TextData(Corpus(str(tmp_path / "file"), chunk_length=35), 10)
    with pytest.raises(UserError, match="none is left for val"):
        TextData(Corpus(str(tmp_path / "file"), val_fraction=0.001, chunk_length=3), 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"chunk_length": 0}, "chunk_length must be at least 1, not 0"),
        ({"val_fraction": 0.5, "test_fraction": 0.5}, "must be below 1 together"),
        ({"split": "char_rnn", "validation_streams": 3}, "no meaning for the split char_rnn"),
    ],
)
def test_options_out_of_range_are_refused(options, says):
    with pytest.raises(UserError, match=says):
        CORPORA.build({"name": "corpus", **options})


def test_a_path_that_is_nowhere_is_refused(tmp_path):
    with pytest.raises(UserError, match="There is no text at"):
        Corpus(str(tmp_path / "gone")).read()
