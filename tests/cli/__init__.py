"""Tests of the command line; a package, for modules here are named as modules elsewhere."""
