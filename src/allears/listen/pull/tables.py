"""Tables of a dlt source, page by page, with the state in which dlt keeps how far it has read.

No pipeline is run and nothing is written to disk: dlt would keep rows in clear there. The state is handed over as text,
and belongs in the pull's cursor once all rows before it are durable.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from allears.errors import AllearsError, Refused, WorldFailed

Rows = list[dict[str, Any]]
_TOGETHER = 500
MISSING = 'dlt is not installed: pip install "allears[pull]"'


def open_source(build: Any, folder: Path, place: str) -> Any:
    """Build a source by calling ``build``; its configuration and secrets are dlt's: the environment, or ``.dlt`` in the space's folder.

    Raises
    ------
    Refused
        It gave no source, or lacks a value that it needs.
    """
    with _translated(place):
        from dlt import Schema
        from dlt.common.configuration.container import Container
        from dlt.common.configuration.providers import (
            ConfigTomlProvider,
            EnvironProvider,
            SecretsTomlProvider,
        )
        from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
        from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
        from dlt.extract import DltResource, DltSource

        own = str(folder / ".dlt")
        Container()[PluggableRunContext].providers = ConfigProvidersContainer(
            [EnvironProvider(), SecretsTomlProvider(own), ConfigTomlProvider(own)]
        )
        made = build()
        if isinstance(made, DltSource):
            return made
        resources = list(made) if isinstance(made, list | tuple) else [made]
        if not resources or not all(isinstance(one, DltResource) for one in resources):
            raise Refused("expected a function that gives a dlt source or resource", place=place)
        return DltSource(Schema("pulled"), "pulled", resources)


def read_state(text: str | None) -> dict[str, Any]:
    """Read a source's state; none is the state before the first pull."""
    from dlt.common.json import json

    return dict(json.typed_loads(text)) if text else {}


def write_state(state: dict[str, Any]) -> str:
    """Write a source's state."""
    from dlt.common.json import json

    return str(json.typed_dumps(state))


def drain(source: Any, state: dict[str, Any], place: str) -> Generator[tuple[str, Rows], None, None]:
    """Yield table and rows as the source gives them; ``state`` is moved on meanwhile.

    Raises
    ------
    WorldFailed
        The source failed; the state must then be forgotten.
    """
    with _translated(place):
        from dlt.common.configuration.container import Container
        from dlt.common.configuration.resolve import inject_section
        from dlt.common.pipeline import StateInjectableContext
        from dlt.extract.pipe_iterator import ManagedPipeIterator
        from dlt.extract.source import SourceInjectableContext, SourceSchemaInjectableContext

        # As `DltSource.__iter__`, which leaves out the names of the tables.
        section = source._get_config_section_context()
        contexts = [
            section,
            StateInjectableContext(state=state),
            SourceSchemaInjectableContext(source.schema),
            SourceInjectableContext(source),
        ]
        with ExitStack() as stack:
            stack.enter_context(inject_section(section))
            for context in contexts[1:]:
                stack.enter_context(Container().injectable_context(context))
            items = ManagedPipeIterator.from_pipes(source.resources.selected_pipes)
        items.set_context(contexts)
        held: Rows = []
        last = ""
        for item in items:
            table = str(getattr(item.meta, "table_name", None) or item.pipe.name)
            # Rows given one by one are handed on by the hundred.
            if held and (table != last or len(held) >= _TOGETHER or isinstance(item.item, list)):
                yield last, held
                held = []
            last = table
            held += _rows(item.item)
            if isinstance(item.item, list) or len(held) >= _TOGETHER:
                yield table, held
                held = []
        if held:
            yield last, held


def _rows(item: Any) -> Rows:
    if isinstance(item, dict):
        return [item]
    if isinstance(item, list):
        return [row for one in item for row in _rows(one)]
    if hasattr(item, "to_pylist"):  # an Arrow table or batch
        return list(item.to_pylist())
    if hasattr(item, "to_dict"):  # a data frame
        return list(item.to_dict("records"))
    return []


@contextmanager
def _translated(place: str) -> Iterator[None]:
    """Turn dlt's failures, and those of a source, into ours; their own words may hold rows, addresses or keys."""
    try:
        yield
    except AllearsError:
        raise
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "dlt":
            raise Refused(MISSING, place=place) from None
        raise Refused(f"the source needs a module that is not installed: {error.name}", place=place) from None
    except Exception as error:
        chain: list[BaseException] = [error]
        while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
            chain.append(cause)
        for one in chain:
            if isinstance(one, AllearsError):
                raise one from None
            if type(one).__name__ == "ConfigFieldMissingException":
                fields = ", ".join(getattr(one, "fields", ()))
                raise Refused(
                    f"dlt finds no value for {fields}: set it in the environment or in .dlt/secrets.toml",
                    place=place,
                ) from None
        raise WorldFailed(f"the source failed: {type(chain[-1]).__name__}", place=place, again=True) from None
