"""The table of benchmarks/search_errors.py against a count by hand."""

import importlib.util

import pytest

from captioner.inference.caption import Caption


@pytest.fixture
def benchmark(request):
    path = request.config.rootpath / "benchmarks/search_errors.py"
    spec = importlib.util.spec_from_file_location("search_errors", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_error_is_an_answer_that_is_less_probable_than_the_best(benchmark):
    said = [caption("a dog", -3.0), caption("a", -1.5), caption("", -2.0), caption("a red cat", -7.0)]
    best = [caption("a dog", -3.0 + 1e-6), caption("", -1.0), caption("", -2.0), caption("cat", -4.0)]
    found = benchmark.row("one", said, best)
    assert found[:2] == ("one", 2 / 4)
    assert found.missing_nats == pytest.approx((0.5 + 3.0) / 4, abs=1e-5)
    assert (found.words, found.short) == ((2 + 1 + 0 + 3) / 4, 2)
    assert str(found) == "| one | 50% | 0.88 | 1.5 | 2 |"


def caption(text, log_prob):
    return Caption(text.split(), log_prob, [], True, None, log_prob, 0, None)
