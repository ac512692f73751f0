import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest

from captioner.errors import UserError
from captioner.registry import Inner, Registry


class Thing:
    def __init__(
        self, size: int, rate: float = 0.5, mode: Literal["on", "off"] = "on", note: str | None = None,
        sides: tuple[int, int] = (1, 2), dim: int = 0,
    ) -> None:  # fmt: skip
        self.options = (size, rate, mode, note, sides, dim)


@pytest.fixture
def things(tmp_path, monkeypatch) -> Registry[Thing]:
    (tmp_path / "empty_package").mkdir()
    (tmp_path / "empty_package/__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    registry: Registry[Thing] = Registry("thing", "empty_package")
    registry.register("thing")(Thing)
    yield registry
    sys.modules.pop("empty_package", None)


def test_builds_from_options_and_wanted_facts(things):
    config = {"name": "thing", "size": 3, "rate": 1, "sides": [4, 5]}
    assert things.build(config, dim=7, other=8).options == (3, 1, "on", None, [4, 5], 7)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"name": "thin", "size": 1}, "There is no thing 'thin'. Did you mean thing"),
        ({"size": 1}, "thing needs a name"),
        (3, "thing must be a mapping with a name and options, not 3"),
        ({"name": "thing"}, "needs the option 'size'"),
        ({"name": "thing", "size": 1, "raet": 2}, "has no option 'raet'. Did you mean rate"),
        ({"name": "thing", "size": "1"}, "size must be a whole number, not '1'"),
        ({"name": "thing", "size": 1.5}, "size must be a whole number, not 1.5"),
        ({"name": "thing", "size": 1, "mode": "no"}, "mode must be on or off, not 'no'"),
        ({"name": "thing", "size": 1, "sides": [1, 2, 3]}, "sides must be a list of 2 whole numbers, not"),
        ({"name": "thing", "size": 1, "dim": 2}, "has no option 'dim'"),
    ],
)
def test_refuses_with_one_clear_sentence(things, config, message):
    with pytest.raises(UserError) as error:
        things.build(config, dim=3)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_check_reaches_a_config_inside_a_config(things):
    """And inside that one, by the same mark."""

    @things.register("box")
    def box(thing: Annotated[Mapping[str, Any] | None, Inner(things, ("dim",))] = None) -> Thing:
        return Thing(1)

    things.check({"name": "box", "thing": {"name": "box", "thing": {"name": "thing", "size": 1}}})
    things.check({"name": "box", "thing": None})
    for inner, message in [
        ({"name": "thin"}, "There is no thing 'thin'"),
        ({"name": "thing", "size": 1, "raet": 2}, "thing thing has no option 'raet'. Did you mean rate"),
        ({"name": "thing", "size": 1, "dim": 2}, "thing thing has no option 'dim'"),
        ({"name": "box", "thing": {"name": "thing"}}, "thing thing needs the option 'size'"),
        ("thing", "box: thing must be"),
    ]:
        with pytest.raises(UserError, match=message):
            things.check({"name": "box", "thing": inner})


def test_a_module_beside_is_found_without_being_named(tmp_path, monkeypatch):
    package = tmp_path / "beside"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from captioner.registry import Registry\nR = Registry('r', 'beside')\n"
    )
    (package / "one.py").write_text("from beside import R\n@R.register('one')\nclass One:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    from beside import R

    assert list(R) == ["one"]


def test_a_name_is_given_once(things):
    with pytest.raises(ValueError, match="already"):
        things.register("thing")(Thing)
