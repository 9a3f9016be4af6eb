"""All properties by name, listed without importing torch."""

from typing import TYPE_CHECKING

from scenarios.registry import Registry

if TYPE_CHECKING:
    from benchmark.properties.property import GroupProperty, Property

PROPERTIES: Registry["type[Property] | type[GroupProperty]"] = Registry(
    "property", "benchmark.properties", "forgetless.properties"
)
