"""The OpenAPI description of the whole API, made from the resolvers by `python -m local.openapi`."""
