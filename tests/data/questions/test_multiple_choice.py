"""Questions with choices as batches: whatever the order of a file, of a batch or of the choices."""

from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import torch
from PIL import Image

from captioner.config import TrainingConfig
from captioner.data.images import ImagesRead
from captioner.data.loader import SampleIndex
from captioner.data.questions.base import QuestionRow, question_table
from captioner.data.questions.multiple_choice import questions_by_path
from captioner.data.questions.pointing import PointingItems, PointingQuestionEncoder
from captioner.data.questions.telling import TellingData, TellingItems, TellingQuestionEncoder
from captioner.preprocessing import Preprocessing
from captioner.vocabulary import BOS, EOS, PAD, SPECIAL, UNK, Vocabulary

WORDS = Vocabulary([*SPECIAL, "what", "is", "it", "red", "a", "dog", "there", "two"])
WHAT, IS, IT, RED, A, DOG, THERE, TWO = range(4, 12)


def row(
    question_id: int, path: str, question: str, answer: str, choices: list[str], **more: Any
) -> QuestionRow:
    fixed: Any = {"image_id": 1, "answers": [answer], "question_type": "what", "answer_type": "", "boxes": []}
    asked: Any = {"question_id": question_id, "path": path, "question": question, "answer": answer}
    return QuestionRow(**{**fixed, **asked, "choices": choices, **more})


ROWS = [
    row(7, "one", "What is it?", "A dog.", ["Red.", "A dog.", "Two dogs."]),
    row(5, "two", "What?", "Two.", ["Two.", "Red."]),
    row(6, "one", "What is there?", "Red.", ["It.", "Red.", "Two.", "Dog."]),
]


class Numbered:
    """Pictures that are their place among the paths; `lost` cannot be read."""

    def __init__(self, lost: str = "") -> None:
        self.lost = lost

    def read(self, paths: Any, seeds: Any) -> ImagesRead:
        good = [place for place, path in enumerate(paths) if path != self.lost]
        return ImagesRead(
            good, torch.tensor([[[["one", "two"].index(paths[place])]] for place in good]).float()
        )


def telling_items(rows: Any = ROWS, right_only: bool = False, lost: str = "", cut: int | None = None) -> Any:
    telling = TellingQuestionEncoder(WORDS, 3 if cut is None else cut, cut)
    return TellingItems(questions_by_path(question_table(rows)), Numbered(lost), telling, 0, right_only)


PLACES = [SampleIndex(0, 0), SampleIndex(0, 1)]


def told(batch: Any) -> dict[tuple[int, int], Any]:
    """What a batch says, by question and choice."""
    found = {}
    columns = (batch.question_ids_BK, batch.choices_BK, batch.right_BK, batch.tokens_BKT, batch.mask_BKT)
    for b in range(len(batch.pictures)):
        for question_id, choice, right, tokens, counts in zip(*(c[b].tolist() for c in columns), strict=True):
            if choice >= 0:
                words = [t for t in tokens if t != PAD]
                said = [t for t, counted in zip(tokens[1:], counts, strict=True) if counted]
                found[question_id, choice] = (batch.pictures[b].item(), right, words, said)
            else:
                assert not any(tokens)
                assert not any(counts)
    return found


def test_a_sentence_for_every_choice_in_alphabetical_order() -> None:
    asked = [BOS, WHAT, IS, IT, BOS]
    found = told(telling_items().__getitems__(PLACES))
    assert len(found) == 3 + 2 + 4
    assert found[7, 0] == (0, True, [*asked, A, DOG, EOS], [A, DOG, EOS])
    assert found[7, 1] == (0, False, [*asked, RED, EOS], [RED, EOS])
    assert found[7, 2] == (0, False, [*asked, TWO, UNK, EOS], [TWO, UNK, EOS])
    assert found[5, 1] == (1, True, [BOS, WHAT, BOS, TWO, EOS], [TWO, EOS])


def test_in_training_the_right_one_alone() -> None:
    found = told(telling_items(right_only=True).__getitems__(PLACES))
    assert {key: said for key, (_, right, _, said) in found.items() if right} == {
        (7, 0): [A, DOG, EOS],
        (5, 1): [TWO, EOS],
        (6, 2): [RED, EOS],
    }
    assert len(found) == 3


def telling_data() -> TellingData:
    source: Any = None  # nobody looks
    data = TellingData(source, {split: question_table(ROWS) for split in ("train", "val")}, Path())
    data.connect(None, TellingQuestionEncoder(WORDS, 3, None), TrainingConfig(), 0)
    data.setup()
    return data


def test_all_are_read_in_validation() -> None:
    data = telling_data()
    read = [items.__getitems__(PLACES).choices_BK for items in (data.train, data.val)]
    assert [int((choices_BK >= 0).sum()) for choices_BK in read] == [3, 3 + 2 + 4]


def test_words_are_those_of_questions_and_right_answers() -> None:
    words = telling_data().vocabulary(1, None).words[len(SPECIAL) :]
    assert sorted(words) == ["a", "dog", "is", "it", "red", "there", "two", "what"]


def test_shuffled_choices_and_rows_make_the_same_sentences() -> None:
    expected = told(telling_items().__getitems__(PLACES))
    for seed in range(5):
        shuffled = [{**r, "choices": Random(seed).sample(r["choices"], len(r["choices"]))} for r in ROWS]
        Random(seed).shuffle(shuffled)
        assert told(telling_items(shuffled).__getitems__(PLACES)) == expected


def test_cut_words_and_pictures_that_cannot_be_read() -> None:
    found = told(telling_items(cut=1, lost="two").__getitems__(PLACES[::-1]))
    assert found[7, 0] == (0, True, [BOS, WHAT, BOS, A, EOS], [A, EOS])
    assert {question_id for question_id, _ in found} == {6, 7}
    nothing = telling_items(lost="two").__getitems__([SampleIndex(0, 1)])
    assert len(nothing.pictures) == nothing.mask_BKT.sum() == 0


def test_the_longest_come_first() -> None:
    batch = telling_items().__getitems__(PLACES[::-1])
    assert batch.pictures.flatten().tolist() == [0, 1]


def picture_file(width: int, height: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height)).save(file, "PNG")
    return file.getvalue()


def test_boxes_come_in_their_order_as_parts_of_what_is_seen_and_questions_are_cut() -> None:
    boxes = {"11": [40.0, 10.0, 20.0, 5.0], "12": [0.0, 10.0, 80.0, 40.0], "13": [0.0, 10.0, 8.0, 4.0]}
    rows = [
        row(7, "one", "What?", "12", list(boxes), boxes=list(boxes.values())),
        row(8, "one", "What is it there?", "9", ["9", "12"], boxes=[[8.0, 4.0, 8.0, 4.0], boxes["12"]]),
    ]
    turned = [{**r, "choices": r["choices"][::-1], "boxes": r["boxes"][::-1]} for r in rows]
    pointing = PointingQuestionEncoder(WORDS, 3, Preprocessing(32))
    batches = []
    for one in (rows, turned):
        asked = questions_by_path(question_table(one))
        items = PointingItems(asked, {"one": picture_file(80, 40)}, Numbered(), pointing, 0)
        batches.append(items.__getitems__(PLACES[:1]))
    batch, again = batches
    assert all(torch.equal(a, b) for a, b in zip(batch, again, strict=True))
    assert batch.tokens_BKT.tolist() == [[[BOS, WHAT, BOS, PAD, PAD], [BOS, WHAT, IS, IT, BOS]]]
    assert batch.mask_BKT.nonzero().tolist() == [[0, 0, 2], [0, 1, 4]]
    assert batch.question_ids_BK.tolist() == [[7, 8]]
    assert batch.box_mask_BKC.tolist() == [[[True, True, True], [True, True, False]]]
    seen = [[0, 0.25, 0.1, 0.35], [0, 0.25, 1, 1.25], [0.5, 0.25, 0.75, 0.375]]
    torch.testing.assert_close(batch.boxes_BKC4[0, 0], torch.tensor(seen))
    torch.testing.assert_close(batch.boxes_BKC4[0, 1, 1], torch.tensor([0.1, 0.1, 0.2, 0.2]))
    assert batch.right_BK.tolist() == [[1, 1]]


def test_pictures_with_the_longest_questions_to_point_come_first() -> None:
    choices: Any = {"choices": ["1", "2"], "boxes": [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]}
    rows = [row(7, "one", "What?", "1", **choices), row(8, "two", "What is it?", "2", **choices)]
    files = dict.fromkeys(["one", "two"], picture_file(80, 40))
    asked = questions_by_path(question_table(rows))
    items = PointingItems(asked, files, Numbered(), PointingQuestionEncoder(WORDS, 3, Preprocessing(32)), 0)
    batch = items.__getitems__(PLACES)
    assert batch.pictures.flatten().tolist() == [1, 0]
    assert batch.question_ids_BK.tolist() == [[8], [7]]
