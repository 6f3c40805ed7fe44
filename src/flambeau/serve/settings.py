"""How a server is set up: by flag, environment, TOML file or default, in this order.

Every setting is defined once, in :class:`Settings`, those that bound requests in
:class:`flambeau.serve.Limits`; the flags of ``flambeau serve``, the names of environment variables
and the keys of the file follow from that.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, create_model
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from flambeau.serve.keys import ApiKey, parse_keys, read_keys
from flambeau.serve.limits import Limits

PREFIX = "FLAMBEAU_SERVE_"
FILE = Path("flambeau.toml")
TABLE = "serve"


def _listed(value: Any) -> Any:
    """``a, b`` is a list too: that is how flags and the environment have it."""
    return (
        [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, str)
        else value
    )


def _keys(value: Any) -> Any:
    if isinstance(value, str):
        return parse_keys(value)
    if not isinstance(value, list | tuple) or not all(isinstance(k, dict | ApiKey) for k in value):
        raise ValueError("keys are tables: [[serve.keys]] with name and hash")
    return [key if isinstance(key, ApiKey) else ApiKey.from_mapping(key) for key in value]


Names = Annotated[tuple[str, ...], BeforeValidator(_listed), NoDecode]
Keys = Annotated[tuple[Any, ...], BeforeValidator(_keys), NoDecode]


def option(default: Any, about: str, *, flag: bool = True, **bounds: Any) -> Any:
    """A setting; without ``flag`` where other users of the machine should not see it."""
    return Field(default, description=about, json_schema_extra={"flag": flag}, **bounds)


def _limit_fields() -> dict[str, Any]:
    """The fields of Limits, with what its docstring says about them."""
    found = re.findall(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", Limits.__doc__ or "", re.MULTILINE)
    about = {name: re.sub(r"\s+", " ", text) for name, text in found}
    types = {"int": int, "float": float}
    return {
        each.name: (
            types[str(each.type)],
            option(each.default, about[each.name][:1].upper() + about[each.name][1:], gt=0),
        )
        for each in fields(Limits)
    }


_WithLimits: Any = create_model("_WithLimits", __base__=BaseSettings, **_limit_fields())


class Settings(_WithLimits):  # type: ignore[misc]
    """What ``run`` and ``flambeau serve`` are told; ``Settings()`` reads environment and file.

    Example:
        >>> Settings(port=9000).port
        9000
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    host: str = option("127.0.0.1", "Address to listen at; others than this machine's need keys.")
    port: int = option(8000, "Port to listen at; 0 takes a free one.", ge=0, le=65535)
    unix_socket: Path | None = option(None, "Socket file to listen at in place of a port.")
    tls_cert: Path | None = option(None, "Certificate file (PEM) for https.")
    tls_key: Path | None = option(None, "Private key file (PEM) of the certificate.")
    hosts: Names = option((), "Names that the server is called by, beside localhost.")
    cors: Names = option((), "Origins of other web pages that may ask: https://a.example.")
    trusted_proxies: Names = option((), "Proxies whose X-Forwarded headers are believed.")
    keys: Keys = option((), "Tables with name, hash, rate, scopes and expires.", flag=False)
    key: SecretStr | None = option(None, "One key in clear, hashed at once.", flag=False)
    key_file: Path | None = option(None, "File of keys, a line each: name hash [rate [scopes]].")
    keep_alive: float = option(15.0, "Seconds that an idle connection stays open.", gt=0)
    workers: int = option(0, "Processes that run each model; 0 is a thread.", ge=0, le=256)
    batch_size: int = option(32, "Most requests in a batch.", ge=1)
    batch_wait_ms: float = option(0.0, "Milliseconds that a batch waits to fill up.", ge=0)
    playground: bool = option(True, "Whether / is a page on which to try the models.")
    log_level: Literal["debug", "info", "warning", "error"] = option("info", "Least log level.")
    log_format: Literal["json", "text"] = option("json", "Form of log lines.")
    access_log: bool = option(True, "Whether each answered request is logged.")
    tracing: bool = option(False, "Whether spans are sent by OpenTelemetry's SDK.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, flambeau.toml."""
        return init_settings, env_settings, _File(settings_cls)

    @classmethod
    def load(
        cls, flags: Mapping[str, Any], config: Path | None = None
    ) -> tuple[Settings, dict[str, str]]:
        """Read everything, and remember where each setting comes from.

        Args:
            flags: settings by name that were given explicitly.
            config: the TOML file; without it ``FLAMBEAU_SERVE_CONFIG`` or ``flambeau.toml``.

        Returns:
            The settings, and ``flag``, ``environment``, the file's name or ``default`` for each.

        Raises:
            ValueError: A setting is unknown or wrong; the message names the source.
        """
        named = config or os.environ.get(f"{PREFIX}CONFIG")
        path = Path(named) if named else FILE
        table = _read_table(path, required=named is not None)
        variables = _environment()
        values: dict[str, Any] = {}
        sources = dict.fromkeys(cls.model_fields, "default")
        for source, found in (
            (str(path), table),
            ("environment", variables),
            ("flag", dict(flags)),
        ):
            _check_names(source, found)
            values |= found
            sources |= dict.fromkeys(found, source)
        try:
            return _Loaded(**values), sources
        except ValidationError as error:
            raise ValueError(_explain(error, sources)) from None

    @classmethod
    def names(cls) -> list[str]:
        """The names of all settings; the limits come last."""
        limits = [each.name for each in fields(Limits)]
        return [name for name in cls.model_fields if name not in limits] + limits

    def limits(self, base: Limits) -> Limits:
        """Return ``base`` with the limits that were set here."""
        names = {each.name for each in fields(Limits)} & self.model_fields_set
        return replace(base, **{name: getattr(self, name) for name in names})

    def api_keys(self) -> list[ApiKey]:
        """Return all keys: listed, in clear, and of the key file.

        Raises:
            ValueError: The key file cannot be read or holds something else.
        """
        found: list[ApiKey] = list(self.keys)
        if self.key is not None and self.key.get_secret_value():
            found.append(ApiKey.of(self.key.get_secret_value()))
        if self.key_file is not None:
            try:
                found += read_keys(self.key_file.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "no text"
                raise ValueError(f"{self.key_file}: {why}") from None
        return found

    def shown(self, name: str) -> str:
        """Return a setting for people's eyes: of keys only the names."""
        value = getattr(self, name)
        if name == "key":
            return "none" if value is None else "***"
        if name == "keys":
            return ", ".join(key.name for key in value) or "none"
        if isinstance(value, tuple):
            return ", ".join(value) or "none"
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


class _Loaded(Settings):
    """Settings whose sources have been read: nothing is looked up again."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *others: PydanticBaseSettingsSource,
        **named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class _File(PydanticBaseSettingsSource):
    """``[serve]`` of flambeau.toml, if there is such a file."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        named = os.environ.get(f"{PREFIX}CONFIG")
        return _read_table(Path(named) if named else FILE, required=named is not None)


def _read_table(path: Path, required: bool) -> dict[str, Any]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        if required:
            raise ValueError(f"{path}: there is no such file") from None
        return {}
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    try:
        document = tomllib.loads(text.decode())
    except ValueError as error:  # no UTF-8, or no TOML
        raise ValueError(f"{path}: {error}") from None
    table = document.get(TABLE, {})
    if (required and TABLE not in document) or not isinstance(table, dict):
        raise ValueError(f"{path}: it has no table [{TABLE}]")
    return table


def _environment() -> dict[str, Any]:
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and name != f"{PREFIX}CONFIG"
    }


def _check_names(source: str, found: Mapping[str, Any]) -> None:
    for name in found:
        if name not in Settings.model_fields:
            close = difflib.get_close_matches(name, Settings.model_fields, 1, 0.5)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            where = f"{PREFIX}{name.upper()}" if source == "environment" else repr(name)
            raise ValueError(f"{source}: there is no setting {where}{meant}")


def _explain(error: ValidationError, sources: Mapping[str, str]) -> str:
    lines = []
    for each in error.errors(include_input=False, include_url=False):
        name = str(each["loc"][0]) if each["loc"] else "settings"
        text = each["msg"].removeprefix("Value error, ")
        lines.append(f"{name} ({sources.get(name, 'default')}): {text[:1].lower()}{text[1:]}")
    return "\n".join(lines)
