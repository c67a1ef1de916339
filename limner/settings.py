"""The one settings class: environment variables with the prefix ``LIMNER_``, or files of secrets, checked at start."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import (
    Field,
    HttpUrl,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from limner.endpoints import parse_endpoints
from limner.errors import SettingsError

PROJECT_ROOT = Path(__file__).resolve().parent.parent

SECRETS = Path("/run/secrets")
"""Where Docker puts secrets: what the file ``limner_api_keys`` there holds is ``LIMNER_API_KEYS``, if that is unset."""

NO_RATE_LIMIT = "off"

_RATE_LIMIT = re.compile(r"[1-9][0-9]{0,4} ?(?:/|per) ?(?:(?P<times>[1-9][0-9]?) ?)?(?P<unit>second|minute|hour|day)s?")
_API_KEYS = re.compile(r"(?=.*[^, ])[A-Za-z0-9_.~:+/;, -]+")
_REDIS_URL = re.compile(r"(?:rediss?://[^/\s]+|unix://\S*/)\S*")


def check_rate_limit(text: str) -> str:
    """``text``, which is ``off`` or one or more limits in the notation of the package `limits`, joined by semicolons.

    There are no months, because counts are never stored on disk. The time of every upload in a window is kept, hence
    the upper bound.

    Raises:
        ValueError: it is something else.
    """
    if text == NO_RATE_LIMIT:
        return text
    matches = [_RATE_LIMIT.fullmatch(limit.strip()) for limit in text.split(";")]
    windows = {match.group("times", "unit") for match in matches if match}
    if len(windows) < len(matches):
        raise ValueError(
            "must be such as 10/minute or 10/minute;1000/day, each with at most 99999 uploads per second, minute, hour "
            "or day and a different time, or `off`"
        )
    return text


class Settings(BaseSettings):
    """Every setting, with its default. The description of a field is its line in ``docs/settings.md``."""

    model_config = SettingsConfigDict(
        env_prefix="LIMNER_",
        extra="ignore",
        env_ignore_empty=True,
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
    )

    host: str = Field("127.0.0.1", pattern=r"^\S+$", description="Address the gateway listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the gateway listens on; 0 takes a free one.")
    triton_url: str | None = Field(
        None,
        description="`host:port` of a Triton's gRPC endpoint, or several separated by commas, where a name counts once "
        "for each of its addresses; unset starts the embedded server.",
    )
    triton_home: Path | None = Field(
        None,
        description="Folder of a Triton to start, `/opt/tritonserver` in NVIDIA's container; unset: the embedded one.",
    )
    triton_host: str = Field(
        "127.0.0.1",
        pattern=r"^\S+$",
        description="Address that `limner triton` listens on; the embedded server takes loopback only.",
    )
    triton_grpc_port: int = Field(
        8001, ge=0, le=65535, description="Port of the started Triton's gRPC endpoint; 0 takes a free one."
    )
    triton_metrics_port: int = Field(
        8002, ge=0, le=65535, description="Port of the started Triton's metrics; 0 takes a free one."
    )
    triton_open_apis: bool = Field(
        False, description="Leave Triton's configuration and statistics protocols open, which `perf_analyzer` needs."
    )
    profile: Literal["cpu", "gpu", "tensorrt"] = Field(
        "cpu", description="Which `configs/<profile>.pbtxt` of every model Triton uses."
    )
    precision: Literal["auto", "fp32", "int8", "fp16"] = Field(
        "auto", description="Precision of exported models; `auto` takes the fastest that passes its quality gate."
    )
    winograd: Literal["auto", "off"] = Field(
        "auto",
        description="Limner's own INT8 kernel for Real-ESRGAN: `auto` serves with it on CPUs where it is the fastest.",
    )
    data: Path = Field(
        PROJECT_ROOT / ".limner", description="Folder for downloaded weights, exported models and Triton's run files."
    )
    weights: Path | None = Field(
        None, description="Folder with weight files under their official names; unset: `weights` in `LIMNER_DATA`."
    )
    custom_weights: bool = Field(
        False, description="Use files in `LIMNER_WEIGHTS` whose sha256 is not the published one, marked `custom`."
    )
    offline: bool = Field(False, description="Download nothing: use what is on disk or carried by packages.")
    mirrors: Annotated[tuple[HttpUrl, ...], NoDecode] = Field(
        (), description="Comma-separated base URLs tried before the official release; a file is `<base>/<file>`."
    )
    download_timeout: float = Field(
        5.0, gt=0, le=600, description="Seconds to wait for a release page to answer before falling back."
    )
    ai_label: bool = Field(
        True, description="Write the label for AI-made content into the metadata of results (GB 45438-2025)."
    )
    ai_label_producer: str = Field(
        "Limner",
        max_length=200,
        pattern=r"^\P{Cc}+$",
        description="Name or code of the service provider that the label names, at most 200 characters.",
    )
    allow_anonymous: bool = Field(
        False,
        description="Listen on a public address although `LIMNER_API_KEYS` is unset: whoever reaches it may use it.",
    )
    api_keys: SecretStr | None = Field(
        None, description="Comma-separated API keys, each `NAME:SHA256[:ROLES[:LIMIT]]`; `limner key` makes one."
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = Field(
        (), description="Comma-separated addresses or networks of proxies whose `X-Forwarded-For` is believed."
    )
    rate_limit: str = Field(
        "10/minute",
        description="Uploads taken from one client, as such as `10/minute` or `10/minute;1000/day`; `off` takes any.",
    )
    tls_cert: Path | None = Field(
        None, description="Certificate chain (PEM); with `LIMNER_TLS_KEY` the gateway speaks TLS."
    )
    tls_key: Path | None = Field(None, description="Private key (PEM) of `LIMNER_TLS_CERT`.")
    redis_url: SecretStr | None = Field(
        None,
        description="Redis that several gateways share, `redis://host:6379/0`; unset keeps the state in this process.",
    )
    max_upload_bytes: int = Field(20_000_000, ge=1, description="Largest photo accepted, in bytes.")
    max_archive_bytes: int = Field(100_000_000, ge=1, description="Largest ZIP or RAR accepted, in bytes.")
    max_archive_entries: int = Field(1000, ge=1, le=65_535, description="Most entries of an archive.")
    max_unpacked_bytes: int = Field(1_000_000_000, ge=1, description="Most bytes that an archive may unpack to.")
    max_tasks: int = Field(10, ge=1, le=1000, description="Enhancements at work at once.")
    max_queue: int = Field(20, ge=0, le=10_000, description="Tasks that may wait for their turn; more get a 503.")
    max_batches: int = Field(2, ge=1, le=100, description="Batches at work at once; they count as tasks, too.")
    batch_concurrency: int = Field(2, ge=1, le=100, description="Photos of one batch at work at once.")
    max_held_bytes: int = Field(
        2_000_000_000,
        ge=1,
        description="Bytes of results that may wait in this gateway or be on their way; more uploads get a 503.",
    )
    task_timeout: float = Field(
        600.0, gt=0, le=86_400, description="Seconds an enhancement may take once its turn has come."
    )
    result_ttl: float = Field(300.0, ge=1, le=86_400, description="Seconds a result waits to be fetched.")
    shutdown_timeout: float = Field(
        30.0,
        ge=0,
        le=3600,
        description="Seconds that work and unfetched results get to finish when the gateway is told to stop.",
    )
    audit_log: Path | None = Field(
        None, description="File for the audit log, one file a day; unset: among the other lines on standard error."
    )
    audit_retention_days: int = Field(
        180,
        ge=1,
        le=3650,
        description="Days that files of the audit log are kept; China's labelling measures ask for six months.",
    )
    canary_interval: float = Field(
        10.0, gt=0, le=3600, description="Seconds between two canary inferences, which decide readiness."
    )

    @field_validator("mirrors", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("api_keys")
    @classmethod
    def _written_as_keys(cls, value: SecretStr | None) -> SecretStr | None:
        # What the entries say is checked by the gateway, which knows the roles.
        if value is not None and not _API_KEYS.fullmatch(value.get_secret_value()):
            raise ValueError("must be entries as `limner key` makes them, separated by commas")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _not_everyone(cls, value: tuple[IPvAnyNetwork, ...]) -> tuple[IPvAnyNetwork, ...]:
        for network in value:
            if network.prefixlen == 0:
                raise ValueError(f"{network} is everyone, who could then pass for anyone")
            if getattr(network.network_address, "ipv4_mapped", None):
                raise ValueError(f"{network} must be written as a network of IPv4")
        return value

    @field_validator("rate_limit")
    @classmethod
    def _written_as_rate_limit(cls, value: str) -> str:
        return check_rate_limit(value)

    @field_validator("redis_url")
    @classmethod
    def _of_a_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _REDIS_URL.fullmatch(value.get_secret_value()):
            raise ValueError("must be redis://host:port/0, rediss://host:port/0 or unix:///path")
        return value

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Settings:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("LIMNER_TLS_CERT and LIMNER_TLS_KEY belong together: set both or neither")
        return self

    @field_validator("triton_url")
    @classmethod
    def _hosts_and_ports(cls, value: str | None) -> str | None:
        if value is not None:
            parse_endpoints(value)
        return value

    @property
    def weights_dir(self) -> Path:
        return self.weights or self.data / "weights"

    @property
    def models_dir(self) -> Path:
        """Where ``limner export`` puts models and ``serving`` takes them from."""
        return self.data / "models"

    @property
    def run_dir(self) -> Path:
        """Parent of the runtime folders of embedded servers; each removes its own when it stops."""
        return self.data / "run"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: naming the variable, what it holds and what it accepts.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = (_problem(problem["loc"], problem["input"], problem["msg"]) for problem in error.errors())
        raise SettingsError("; ".join(problems) + ". See docs/settings.md.") from None
    except SourceError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        file, reason = error.__cause__.filename, error.__cause__.strerror
        raise SettingsError(f"{file} cannot be read ({reason}). Let this user read it.") from None


def _problem(place: tuple[int | str, ...], value: object, reason: str) -> str:
    """Names the variable; what it holds is told unless it is a secret, or there are several."""
    if not place:
        return reason.removeprefix("Value error, ")
    name = str(place[0])
    secret = SecretStr in get_args(Settings.model_fields[name].annotation)
    return f"LIMNER_{name.upper()} is {'wrong' if secret else repr(value)}: {reason}"
