"""One folder a room of the product. What several rooms ask for is in fixtures/, what one room does beside its tests."""
