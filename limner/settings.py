"""The one settings class: environment variables with the prefix ``LIMNER_``, checked at start."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, HttpUrl, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from limner.errors import SettingsError

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Every setting, with its default. The description of a field is its line in ``docs/settings.md``."""

    model_config = SettingsConfigDict(env_prefix="LIMNER_", extra="ignore", env_ignore_empty=True)

    host: str = Field("127.0.0.1", pattern=r"^\S+$", description="Address the gateway listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the gateway listens on; 0 takes a free one.")
    triton_url: str | None = Field(
        None, description="`host:port` of a Triton gRPC endpoint; unset starts the embedded server."
    )
    triton_grpc_port: int = Field(
        8001, ge=0, le=65535, description="Loopback port of the embedded server's gRPC endpoint; 0 takes a free one."
    )
    triton_metrics_port: int = Field(
        8002, ge=0, le=65535, description="Loopback port of the embedded server's metrics; 0 takes a free one."
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
    max_upload_bytes: int = Field(20_000_000, ge=1, description="Largest photo accepted, in bytes.")
    max_tasks: int = Field(10, ge=1, le=1000, description="Enhancements at work or waiting at once; more get a 503.")
    task_timeout: float = Field(
        300.0, gt=0, le=86_400, description="Seconds an enhancement may take, waiting included."
    )
    canary_interval: float = Field(
        10.0, gt=0, le=3600, description="Seconds between two canary inferences, which decide readiness."
    )

    @field_validator("mirrors", mode="before")
    @classmethod
    def _split_mirrors(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("triton_url")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is not None:
            host, colon, port = value.rpartition(":")
            if not (host and colon and port.isdigit()) or "/" in value:
                raise ValueError("must be host:port, for example 127.0.0.1:8001")
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
        problems = (
            f"LIMNER_{'_'.join(str(part) for part in problem['loc'][:1]).upper()} is {problem['input']!r}: "
            f"{problem['msg']}"
            for problem in error.errors()
        )
        raise SettingsError("; ".join(problems) + ". See docs/settings.md.") from None
