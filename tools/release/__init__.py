"""Makes the artifacts of a release from its tag: ``make release``. See docs/how-to/release.md."""
