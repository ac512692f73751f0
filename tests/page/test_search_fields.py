"""Options of searches as the page lists them, and as it sends them."""

import json
import subprocess
import sys
from dataclasses import fields

import pytest

from captioner.errors import UserError
from captioner.page.search_fields import (
    describe_options,
    describe_searches,
    search_changes_from,
    search_field_names,
)
from captioner.search.base import SEARCHES
from captioner.search.option_list import list_options
from captioner.search.text_rules import check_text_rules


def sent(**values) -> dict:
    return search_changes_from({key: [value] for key, value in values.items()})


def test_values_have_the_types_of_their_options():
    assert sent(search="diverse", beam_size="4", groups="2", diversity="1", alpha="0.5") == {
        "name": "diverse",
        "beam_size": 4,
        "groups": 2,
        "diversity": 1.0,
        "alpha": 0.5,
    }
    assert sent(allow_unknown="false", allow_repeat="true") == {"allow_unknown": False, "allow_repeat": True}
    assert sent(length_rule="mean", attention="sample", seed="7", top_p="1e-3") == {
        "length_rule": "mean",
        "attention": "sample",
        "seed": 7,
        "top_p": 0.001,
    }


def test_words_are_split_and_may_be_sent_one_by_one():
    assert sent(prefix="a  dog", banned_words="red, ball,") == {
        "prefix": ["a", "dog"],
        "banned_words": ["red", "ball"],
    }
    assert search_changes_from({"prefix": ["a", "big dog"]}) == {"prefix": ["a", "big", "dog"]}


def test_an_empty_value_is_not_given_and_other_fields_are_left_to_others():
    assert sent(search="", beam_size="", prefix="", allow_unknown="", model="photos", n_best="x") == {}
    assert search_changes_from({"beam_size": [], "prefix": ["", "a"]}) == {"prefix": ["a"]}


@pytest.mark.parametrize("option", list_options(), ids=lambda option: option.key)
def test_every_option_builds_a_search_with_its_default(option):
    """What the list of options says is taken back by it."""
    owner, default = next(iter(option.defaults.items()))
    if default is None or default == []:
        return
    text = json.dumps(default) if isinstance(default, bool) else str(default)
    changes = sent(search=owner, **{option.key: text})
    assert changes == {"name": owner, option.key: default}
    assert getattr(SEARCHES.build(changes), option.key) == default


WRONG = [
    ({"beam_size": "0"}, "beam_size must be at least 1, not 0."),
    ({"beam_size": "10001"}, "beam_size must be 1 to 10,000, not 10001."),
    ({"beam_size": "three"}, "beam_size must be a whole number, at least 1, not 'three'."),
    ({"beam_size": "1.5"}, "beam_size must be a whole number, at least 1, not '1.5'."),
    ({"temperature": "nan"}, "temperature must be a number, at least 0.001, not nan."),
    ({"top_p": "2"}, "top_p must be 0 to 1, not 2.0."),
    ({"length_rule": "men"}, "length_rule must be none, mean or wu, not 'men'."),
    ({"allow_unknown": "yes"}, "allow_unknown must be true or false, not 'yes'."),
    ({"allow_unknown": "1"}, "allow_unknown must be true or false, not '1'."),
    ({"seed": "-1"}, "seed must be at least 0, not -1."),
    ({"search": "baem"}, "There is no search 'baem'. Did you mean beam?"),
    ({"search": "greedy", "beam_size": "3"}, "search greedy has no option 'beam_size'"),
]


@pytest.mark.parametrize(("values", "says"), WRONG, ids=[says for _, says in WRONG])
def test_wrong_values_are_answered_as_everywhere(values, says):
    with pytest.raises(UserError) as refused:
        sent(**values)
    assert says in str(refused.value)


@pytest.mark.parametrize("name", ["search", "beam_size", "length_rule", "allow_unknown"])
def test_one_value_is_taken(name):
    with pytest.raises(UserError, match=rf"^{name} was given 2 times, and is taken once\.$"):
        search_changes_from({name: ["beam", "beam"]})


def test_the_names_of_the_fields():
    names = search_field_names()
    assert names[0] == "search"
    assert {*names} == {"search", *(one.key for one in list_options())}


def test_options_are_described():
    described = {one["key"]: one for one in describe_options()}
    assert described["beam_size"] == {
        "key": "beam_size",
        "label": "beam",
        "help": (
            "beam, beam_mbr, diverse: beam size; 1 is greedy; exact: size of the beam that search starts from"
        ),
        "type": "int",
        "choices": None,
        "default": {"beam": 3, "beam_mbr": 10, "diverse": 6, "exact": 5},
        "searches": ["beam", "beam_mbr", "diverse", "exact"],
        "shared": False,
        "text": True,
    }
    assert described["prefix"]["type"] == "words"
    assert described["prefix"]["searches"] == list(SEARCHES)
    assert described["prefix"]["shared"]
    assert not described["prefix"]["text"]
    assert described["temperature"]["type"] == "float"
    assert described["allow_unknown"]["type"] == "bool"
    assert described["allow_unknown"]["label"] == "no unknown"
    assert described["length_rule"]["type"] == "choice"
    assert described["length_rule"]["choices"] == ["none", "mean", "wu"]
    assert described["groups"]["default"] == {"diverse": None}
    assert json.loads(json.dumps(describe_options(), allow_nan=False)) == describe_options()


def test_help_names_the_token():
    (word,) = (one["help"] for one in describe_options() if one["key"] == "no_repeat_ngram")
    (symbol,) = (one["help"] for one in describe_options("symbol") if one["key"] == "no_repeat_ngram")
    assert word == "no N words twice; 0 allows all"
    assert symbol == "no N symbols twice; 0 allows all"
    assert not [one for one in describe_options() if "{" in one["help"]]


def test_options_for_texts_are_those_that_the_rules_allow():
    for one in describe_options():
        try:
            check_text_rules({"name": "sample", one["key"]: 1})
            allowed = True
        except UserError:
            allowed = False
        assert one["text"] == allowed, one["key"]


def test_searches_are_described():
    described = describe_searches()
    assert [one["name"] for one in described] == list(SEARCHES)
    for one in described:
        assert one["about"] == SEARCHES[one["name"]].__doc__.splitlines()[0]
        assert len(one["about"]) < 110
        assert one["steps"] == (one["name"] != "exact")
        assert one["text"] == (one["name"] != "exact")


def test_each_option_is_of_the_searches_that_have_its_field():
    for one in describe_options():
        owners = [name for name in SEARCHES if one["key"] in {field.name for field in fields(SEARCHES[name])}]
        assert one["searches"] == owners


def test_describing_imports_no_torch():
    code = (
        "import sys\nfrom captioner.page.search_fields import *\n"
        "describe_options(), describe_searches(), search_changes_from({'beam_size': ['3']})\n"
        "print(sorted({'torch', 'numpy'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
