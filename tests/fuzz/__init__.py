"""Fuzzers of everything that reads untrusted bytes; see README.md."""
