"""`/api/mappings`: which channel goes where (document 5 "频道映射API")."""

from typing import Any

from functions.forwarding.mappings import many, service
from functions.forwarding.mappings.models import (
    AddedMapping,
    MappingBatch,
    MappingChange,
    MappingExport,
    MappingImport,
    MappingList,
    MappingParameters,
    MappingsImported,
    NewMapping,
    NewMappings,
    OneMapping,
)
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D5

api = Api("forwarding", D5())


@api.get("/api/mappings")
def list_mappings(request: Request, query: MappingParameters) -> MappingList:
    """List mappings, the oldest first; those to a platform, of a channel."""
    return service.listed(request.caller.tenant, query)


@api.post("/api/mappings", status=201)
def add_mapping(request: Request, body: NewMapping) -> AddedMapping:
    """Add a mapping from a KOOK channel to a bot's chat. No two go the same way."""
    return service.add(request.caller, body, request.language)


@api.post("/api/mappings/batch", bucket="batch")
def add_mappings(request: Request, body: NewMappings) -> MappingBatch:
    """Add up to 100 mappings. What is wrong with one keeps no other away: the answer tells of each row."""
    return many.add(request.caller, body, request.language)


@api.get("/api/mappings/export")
def export_mappings(request: Request) -> MappingExport:
    """All mappings, as an import takes them."""
    return many.export(request.caller.tenant)


@api.post("/api/mappings/import", bucket="batch")
def import_mappings(request: Request, body: MappingImport) -> MappingsImported:
    """Make the mappings of an export, all or none. One that goes a way which another goes already changes that one.

    So the same import twice changes nothing the second time. Mappings that it does not name stay.
    """
    return many.take(request.caller, body.mappings, request.language)


@api.get("/api/mappings/{mapping_id}")
def get_mapping(request: Request, mapping_id: str) -> OneMapping:
    """Show a mapping."""
    return service.get(request.caller.tenant, mapping_id)


@api.put("/api/mappings/{mapping_id}")
def update_mapping(request: Request, mapping_id: str, body: MappingChange) -> OneMapping:
    """Change the fields sent: what arrives from now on goes by them."""
    return service.change(request.caller, mapping_id, body)


@api.delete("/api/mappings/{mapping_id}")
def delete_mapping(request: Request, mapping_id: str) -> None:
    """Delete a mapping."""
    service.delete(request.caller, mapping_id)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
