"""Names in a config -> what they build. A registry per package; one file to add is one class registered.

The constructor of what is registered is the schema of its options. *Options* come from the config;
*facts* (vocab_size, feature_dim) are known only when things are built, and are passed by name. An option
that is a config itself is annotated with `Inner`, so that a check of the outer one reaches it.
"""

import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

from captioner.errors import UserError, nearest

T = TypeVar("T")
Registered = TypeVar("Registered", bound=Callable[..., Any])


class Registry(Generic[T]):
    """What makes a `T`, by name, filled by importing every module of `package` when first asked."""

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._makers: dict[str, Callable[..., T]] = {}
        self._imported = False

    def register(self, name: str) -> Callable[[Registered], Registered]:
        """Decorator: make the class or function available as `name: <name>`."""

        def add(maker: Registered) -> Registered:
            if name in self._makers:
                raise ValueError(f"{self.kind} {name!r} is already {self._makers[name]}")
            self._makers[name] = maker
            return maker

        return add

    def __getitem__(self, name: str) -> Callable[..., T]:
        self._import_all()
        if name not in self._makers:
            raise UserError(f"There is no {self.kind} {name!r}. {nearest(name, self._makers)}")
        return self._makers[name]

    def __iter__(self) -> Iterator[str]:
        self._import_all()
        return iter(sorted(self._makers))

    def check(self, config: Mapping[str, Any], facts: Collection[str] = ()) -> None:
        """Refuse an unknown name, an unknown option or a value of the wrong type, without building.

        `facts` names what the caller passes by itself; a config may not set those.

        Raises:
            UserError: one sentence with the nearest right name.
        """
        options = dict(config)
        if not isinstance(name := options.pop("name", None), str):
            raise UserError(f"{self.kind} needs a name. {nearest('', self)}")
        check_options(f"{self.kind} {name}", self[name], options, facts)

    def build(self, config: Mapping[str, Any], /, **facts: Any) -> T:
        """Call what is named in `config` with its other keys, and those of `facts` that it asks for."""
        self.check(config, facts)
        maker = self[config["name"]]
        known = inspect.signature(maker).parameters
        wanted = {key: value for key, value in facts.items() if key in known}
        return maker(**{key: value for key, value in config.items() if key != "name"}, **wanted)

    def _import_all(self) -> None:
        if self._imported:
            return
        self._imported = True
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")


class Inner(NamedTuple):
    """Marks an option that is a config: `Annotated[Mapping[str, Any], Inner(CELLS, ("input_dim",))]`."""

    registry: Registry[Any]
    facts: Collection[str]  # what its reader passes by itself


def check_options(
    what: str, maker: Callable[..., Any], options: Mapping[str, Any], facts: Collection[str] = ()
) -> None:
    """Refuse options that `maker` does not take, of a wrong type, or that are missing.

    Raises:
        UserError: one sentence with the nearest right name.
    """
    parameters = inspect.signature(maker).parameters
    known = [key for key in parameters if key not in facts]
    hinted = maker.__init__ if inspect.isclass(maker) else maker
    hints, annotated = get_type_hints(hinted), get_type_hints(hinted, include_extras=True)
    for key, value in options.items():
        if key not in known:
            raise UserError(f"{what} has no option {key!r}. {nearest(key, known)}")
        check_type(f"{what}: {key}", value, hints.get(key, Any))
        for mark in getattr(annotated.get(key), "__metadata__", ()):
            if isinstance(mark, Inner) and value:
                mark.registry.check(value, mark.facts)
    for key in known:
        if parameters[key].default is inspect.Parameter.empty and key not in options:
            raise UserError(f"{what} needs the option {key!r}.")


def check_type(what: str, value: Any, annotation: Any) -> None:
    """Refuse a value from YAML that is not of the annotated type (3 is a float; "3" is not an int).

    Raises:
        UserError: says what was expected.
    """
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

    options = ConfigDict(strict=True, arbitrary_types_allowed=True)
    try:
        adapter = TypeAdapter[Any](annotation, config=options)
    except PydanticUserError:  # the annotation is a model, which brings its own strictness
        adapter = TypeAdapter[Any](annotation)
    try:
        adapter.validate_json(json.dumps(value))
    except ValidationError as error:
        wanted = annotation.__name__ if inspect.isclass(annotation) else str(annotation)
        wanted = wanted.replace("typing.", "").replace("collections.abc.", "")
        problem = error.errors()[0]["msg"]
        raise UserError(f"{what} must be {wanted}, not {value!r} ({problem}).") from None
