"""An artifact installed outside the checkout, and every command run there: ``python -m tests.release``."""
