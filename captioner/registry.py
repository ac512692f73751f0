"""Build components from the names and options of a config.

One registry a package, one file a component.

A component is registered under the name of its file, and its constructor is the schema of its options.
*Options* come from the config; *facts* (vocab_size, feature_dim) are known only when things are built, and
are passed by name. An option that is a config itself is annotated with `Inner`, so that a check of the outer
one reaches it.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

from captioner.errors import UserError, check_type, nearest

T = TypeVar("T")
Registered = TypeVar("Registered", bound=Callable[..., Any])


class Registry(Generic[T]):
    """Map names to the constructors of a `T`, and import the modules that hold them when they are asked for.

    Args:
        kind: what a component is called in messages.
        package: where components are registered; `name` is looked for in the module `package.name` first, so
            that one component is had without importing the others.
        ranges: of options whose constructors are another library's.
    """

    def __init__(self, kind: str, package: str, ranges: Mapping[str, Any] | None = None) -> None:
        self.kind = kind
        self.package = package
        self.ranges = ranges
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
        if name not in self._makers and name in self._module_names():
            importlib.import_module(f"{self.package}.{name}")
        if name not in self._makers:
            self._import_all()
        if name not in self._makers:
            raise UserError(f"There is no {self.kind} {name!r}. {nearest(name, self._makers)}")
        return self._makers[name]

    def __iter__(self) -> Iterator[str]:
        self._import_all()
        return iter(sorted(self._makers))

    def check(self, config: Mapping[str, Any], facts: Collection[str] = ()) -> None:
        """Refuse an unknown name, an unknown option, or a wrong type or value, without building.

        Args:
            config: `name`, and options of the component of that name.
            facts: names of the arguments that the caller passes by itself; a config may not set those.

        Raises:
            UserError: one sentence with the nearest right name.
        """
        if not isinstance(config, Mapping):
            raise UserError(f"{self.kind} must be a mapping with a name and options, not {config!r}.")
        options = {key: value for key, value in config.items() if key != "name"}
        name = self.name_in(config)
        check_options(f"{self.kind} {name}", self[name], options, facts, ranges=self.ranges)

    def name_in(self, config: Mapping[str, Any]) -> str:
        """Return the name that a config gives.

        Args:
            config: the options of a component.

        Returns:
            The name.

        Raises:
            UserError: it gives none.
        """
        if not isinstance(name := config.get("name"), str):
            raise UserError(f"{self.kind} needs a name. {nearest('', self)}")
        return name

    def class_of(self, config: Mapping[str, Any]) -> type[T]:
        """Return the class of the component that a config names.

        Args:
            config: `name`, and options.

        Returns:
            A subclass of T.

        Raises:
            UserError: it gives no name, or an unknown one.
            TypeError: what is registered under the name is a function.
        """
        maker = self[self.name_in(config)]
        if not isinstance(maker, type):
            raise TypeError(f"{self.kind} {config['name']!r} is made by a function: it has no class.")
        return maker

    def build(self, config: Mapping[str, Any], /, **facts: Any) -> T:
        """Build the component that a config names.

        Args:
            config: `name`, and options.
            **facts: values known only now; the component gets those that its constructor has.

        Returns:
            The component.
        """
        self.check(config, facts)
        maker = self[config["name"]]
        known = inspect.signature(maker).parameters
        wanted = {key: value for key, value in facts.items() if key in known}
        return maker(**{key: value for key, value in config.items() if key != "name"}, **wanted)

    def _import_all(self) -> None:
        if self._imported:
            return
        self._imported = True
        for name in self._module_names():
            importlib.import_module(f"{self.package}.{name}")

    def _module_names(self) -> list[str]:
        package = importlib.import_module(self.package)
        return [module.name for module in pkgutil.iter_modules(getattr(package, "__path__", []))]


def signature_of(*makers: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of several constructors together, by name."""
    return {key: one for maker in makers for key, one in inspect.signature(maker).parameters.items()}


class Inner(NamedTuple):
    """Mark an option that is a config: `Annotated[Mapping[str, Any], Inner(CELLS, ("input_dim",))]`."""

    registry: Registry[Any]
    facts: Collection[str]  # what its reader passes by itself


def check_options(
    what: str,
    maker: Callable[..., Any],
    options: Mapping[str, Any],
    facts: Collection[str] = (),
    *,
    also: Callable[..., Any] | None = None,
    ranges: Mapping[str, Any] | None = None,
) -> None:
    """Refuse options that a constructor does not take, of a wrong type or out of range, or that are missing.

    Args:
        what: whose options they are, for the message.
        maker: the constructor.
        options: their values by name.
        facts: names of arguments that are no options.
        also: a second constructor, which shares the options with the first one.
        ranges: types in place of the constructor's own, where those are another library's and have no ranges.

    Raises:
        UserError: one sentence with the nearest right name.
    """
    makers = (maker,) if also is None else (maker, also)
    parameters = signature_of(*makers)
    known = [key for key in parameters if key not in facts]
    hints = {key: hint for one in makers for key, hint in _hints(one).items()} | dict(ranges or {})
    for key, value in options.items():
        if key not in known:
            raise UserError(f"{what} has no option {key!r}. {nearest(key, known)}")
        check_type(f"{what}: {key}", value, hints.get(key, Any))
        for mark in getattr(hints.get(key), "__metadata__", ()):
            if isinstance(mark, Inner) and value:
                mark.registry.check(value, mark.facts)
    for key in known:
        if parameters[key].default is inspect.Parameter.empty and key not in options:
            raise UserError(f"{what} needs the option {key!r}.")


def _hints(maker: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(maker.__init__ if inspect.isclass(maker) else maker, include_extras=True)
