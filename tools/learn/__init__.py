"""Learns a release of Dragonfly from its published sources: what can be read mechanically, and what a person must judge."""
