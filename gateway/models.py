"""``GET /v1/models``: which model fills which role, and why a role is empty."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from gateway.openapi import problem_responses
from gateway.services import Shared
from limner.catalog import ROLES, CatalogEntry, Role
from limner.errors import (
    Forbidden,
    InferenceFailed,
    InferenceTimeout,
    InferenceUnavailable,
    LimnerError,
    Unauthorized,
)

router = APIRouter(tags=["models"])


class RoleState(BaseModel):
    """Who fills a role."""

    model: str | None = Field(description="The best model that is served; null where the role is empty.")
    reason: str | None = Field(description="Why the role is empty; null where it is filled.")


class ModelList(BaseModel):
    """The catalogue, best first within a role."""

    roles: dict[Role, RoleState]
    models: list[CatalogEntry]


@router.get(
    "/v1/models",
    summary="List the models",
    description="Roles, models, versions, precision, licence, availability and why something is not available.",
    operation_id="models",
    responses=problem_responses(
        Unauthorized, Forbidden, InferenceUnavailable, InferenceTimeout, InferenceFailed, LimnerError
    ),
)
async def models(services: Shared) -> ModelList:
    catalog = await services.triton.catalog()
    best = {role: catalog.available(role) for role in ROLES}
    return ModelList(
        roles={
            role: RoleState(model=found[0].model if found else None, reason=catalog.reason(role))
            for role, found in best.items()
        },
        models=list(catalog.entries),
    )
