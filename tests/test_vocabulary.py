"""Words and their numbers: texts that spell out a special word, and counts that no word reaches."""

from types import SimpleNamespace

import pytest

from captioner.data.captions.batches import CaptionItems
from captioner.data.translation.symbols import Symbols
from captioner.errors import UserError
from captioner.vocabulary import BOS, EOS, SPECIAL, UNK, Vocabulary

TEXT = "a <eos> <pad> dog <bos> <unk>"


def test_a_special_word_that_a_text_spells_out_is_unknown():
    vocabulary = Vocabulary.from_texts([TEXT.split()])
    assert vocabulary.words == [*SPECIAL, "a", "dog"]
    assert vocabulary.encode(TEXT.split()) == [4, UNK, UNK, 5, UNK, UNK]
    for word in SPECIAL:
        with pytest.raises(UserError, match="does not have the word"):
            vocabulary.spell(word)


def test_a_caption_ends_at_its_end_alone():
    """Of the caption itself, whatever it spells out, as the tokenizer of captions leaves it."""
    items = SimpleNamespace(vocabulary=Vocabulary.from_texts([["a", "dog"]]), max_words=9)
    encoded = CaptionItems._encode(items, TEXT)
    assert (encoded[0], encoded[-1]) == (BOS, EOS)
    assert not {BOS, EOS, 0} & set(encoded[1:-1])


def test_a_text_to_translate_is_not_cut_at_a_spelt_end():
    symbols = Symbols.of([TEXT, "cat"], "words")
    with pytest.raises(UserError, match="never seen the word '<eos>'"):
        symbols.encode_known("a <eos> dog")
    assert symbols.decode(symbols.encode(TEXT)) == "a <unk> <unk> dog <unk> <unk>"


def test_an_extended_vocabulary_holds_each_word_once():
    one, other = (Vocabulary.from_texts([words]) for words in (["a", "b"], ["b", "c"]))
    assert one.extended(other).words == [*SPECIAL, "a", "b", "c"]


def test_a_count_that_no_word_reaches_is_refused_with_the_greatest_count():
    texts = [["a", "dog", "a"], ["a", "<unk>", "<unk>", "<unk>", "<unk>"]]
    assert Vocabulary.from_texts(texts, min_count=3).words[len(SPECIAL) :] == ["a"]
    with pytest.raises(UserError, match=r"min_count=4 leaves no word: the most frequent, 'a', is there 3 t"):
        Vocabulary.from_texts(texts, min_count=4)
