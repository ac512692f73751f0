"""A search over HTTP is the steppable search: its steps, words that are forced and banned, going back."""

import json

import pytest
from page_events import events_of, random_png

import captioner
from captioner.images import load_image
from captioner.search.base import SEARCHES
from captioner.search.interventions import Ban, Force


@pytest.fixture
def picture():
    return random_png()


@pytest.fixture
def started(page_client, picture):
    """Start a search, and return its answer."""

    def start(**fields):
        answer = page_client.post("/api/search", data=fields, files={"image": ("a.png", picture)})
        assert answer.status_code == 201, answer.text
        return answer.json()

    return start


def run(client, session, interventions=()):
    answer = client.post(f"/api/search/{session}/run", json={"interventions": list(interventions)})
    assert answer.status_code == 200
    return events_of(answer)


def stepped(folder, picture, interventions, **options):
    """The same search with the Python interface: its events by time, and the words of its sentences."""
    model = captioner.load(folder, precision="fp32")
    search = SEARCHES.build(options, vocabulary=model.model.vocabulary)
    features_BLF = model.model.encode_images([model.prepare(load_image(picture)).pixels[0]])
    state = search.start(model.model.decoder, features_BLF, traced=True)
    steps = []
    while not state.done:
        state = search.advance(state, interventions.get(len(steps) + 1, ()))
        steps.append(state.events)
    words = model.model.vocabulary.words
    return steps, [[words[token] for token in one.tokens] for one in search.finish(state)[0]]


OPTIONS = {
    "beam": {"search": "beam", "beam_size": "3", "max_length": "8"},
    "diverse": {"search": "diverse", "beam_size": "4", "groups": "2", "diversity": "0.9", "max_length": "7"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_steps_are_those_of_the_search(page_client, started, tiny_model, picture, name):
    fields = OPTIONS[name]
    answer = started(**fields)
    *steps, (last, result) = run(page_client, answer["session"])
    options = {key: json.loads(text) for key, text in fields.items() if key != "search"}
    expected, words = stepped(tiny_model("caption"), picture, {}, name=name, **options)
    assert last == "result"
    assert [one["words"] for one in result["captions"]] == words[:1]
    assert [step["time"] for _, step in steps] == [*range(1, len(expected) + 1)]
    assert answer["groups"] == len(steps[0][1]["groups"])
    for (_, step), events in zip(steps, expected, strict=True):
        for group, event in zip(step["groups"], events, strict=True):
            kept = [one for one in group["candidates"] if one[1] is not None]
            assert [(one[0], one[1], one[2], one[9]) for one in kept] == [
                (one.parent, one.node, one.token, one.beam) for one in event.candidates if one.kept
            ]
            dropped = [one[7] for one in group["candidates"] if one[1] is None]
            assert dropped == sorted(dropped, reverse=True)


def test_a_forced_word_and_a_banned_word_are_those_of_the_search(page_client, started, tiny_model, picture):
    session = started(**OPTIONS["beam"])["session"]
    steps = dict(enumerate((step for name, step in run(page_client, session) if name == "step"), start=1))
    third = steps[3]["groups"][0]["candidates"]
    dropped = next(one for one in third if one[1] is None)
    first = steps[1]["groups"][0]["candidates"][0]
    changes = [
        {"time": 1, "kind": "ban", "beam": first[9], "token": first[2]},
        {"time": 3, "kind": "force", "beam": dropped[9], "word": dropped[3]},
    ]
    interventions = {1: [Ban(0, first[9], first[2])], 3: [Force(0, dropped[9], dropped[2])]}
    *_, (_, result) = run(page_client, session, changes)
    _, words = stepped(tiny_model("caption"), picture, interventions, name="beam", beam_size=3, max_length=8)
    assert [one["words"] for one in result["captions"]] == words[:1]
    assert words[0][0] != first[3]
    assert words[0][2] == dropped[3]


def test_going_back_and_on_again_gives_the_same(page_client, started):
    """Whatever was forced in between, and whether states are still in memory."""
    session = started(**OPTIONS["beam"])["session"]
    first = run(page_client, session)
    token = first[1][1]["groups"][0]["candidates"][-1]
    run(page_client, session, [{"time": 2, "kind": "force", "beam": token[9], "token": token[2]}])
    assert run(page_client, session) == first


def test_states_that_were_forgotten_are_computed_again(page_client, started, monkeypatch):
    monkeypatch.setattr("captioner.page.search_session.KEPT_NUMBERS", 1)
    session = started(**OPTIONS["beam"])["session"]
    assert run(page_client, session) == run(page_client, session)


@pytest.mark.parametrize(
    ("one", "text"),
    [
        ({"time": 1, "kind": "push", "token": 5}, "kind"),
        ({"time": 0, "kind": "force", "token": 5}, "time"),
        ({"time": 1, "kind": "force", "token": 5.5}, "token"),
        ({"time": 1, "kind": "force", "word": "xyzzy"}, "xyzzy"),
        ({"time": 1, "kind": "force", "token": 5, "place": 1}, "place"),
        ("force", "intervention"),
    ],
)
def test_an_intervention_that_is_wrong_is_refused(page_client, started, one, text):
    session = started(**OPTIONS["beam"])["session"]
    answer = page_client.post(f"/api/search/{session}/run", json={"interventions": [one]})
    assert answer.status_code == 400
    assert text in answer.json()["error"]


@pytest.mark.parametrize(
    ("one", "text"),
    [
        ({"time": 1, "kind": "force", "beam": 7, "token": 5}, "There is no sentence 7"),
        ({"time": 1, "kind": "force", "token": 999_999}, "There is no word"),
        ({"time": 50, "kind": "ban", "token": 5}, "ends before word 50"),
    ],
)
def test_an_intervention_that_cannot_be_kept_is_the_last_event(page_client, started, one, text):
    *_, (name, data) = run(page_client, started(**OPTIONS["beam"])["session"], [one])
    assert name == "error"
    assert text in data["error"]


def test_a_search_without_steps_is_refused(page_client, picture):
    answer = page_client.post("/api/search", data={"search": "exact"}, files={"image": ("a.png", picture)})
    assert answer.status_code == 400
    assert "word by word" in answer.json()["error"]


def test_a_search_that_was_removed_is_not_there(page_client, started):
    session = started()["session"]
    assert page_client.delete(f"/api/search/{session}").status_code == 204
    answer = page_client.post(f"/api/search/{session}/run", json={})
    assert answer.status_code == 404
    assert "start it again" in answer.json()["error"]


def test_words_that_the_beam_did_not_look_at_can_be_forced(page_client, started, tiny_model, picture):
    """At the first word too: its dropped candidates are the next ones of the model."""
    session = started(**OPTIONS["beam"])["session"]
    (_, first), *_ = run(page_client, session)
    dropped = [one for one in first["groups"][0]["candidates"] if one[1] is None]
    model = captioner.load(tiny_model("caption"), precision="fp32")
    features_BLF = model.model.encode_images([model.prepare(load_image(picture)).pixels[0]])
    state = SEARCHES.build({"name": "greedy"}).start(model.model.decoder, features_BLF)
    log_probs_V = state.next_word.logits_NV[0] - state.next_word.normaliser_N1[0]
    top = log_probs_V.topk(8)
    assert [one[2] for one in dropped] == top.indices[3:].tolist()
    assert [one[4] for one in dropped] == pytest.approx(top.values[3:].tolist(), abs=1e-4)
    *_, (_, result) = run(
        page_client, session, [{"time": 1, "kind": "force", "beam": 0, "token": dropped[-1][2]}]
    )
    assert result["captions"][0]["words"][:1] == [dropped[-1][3]]
