"""The native reader of logs: C sources, how they are built, and the one place where the library is loaded and checked. See README.md."""
