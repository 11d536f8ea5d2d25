"""Reads the catalog folder: models, devices, engines, prices and measurements as typed records."""
