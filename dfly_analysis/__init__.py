"""Why a large Dragonfly preheat failed, what to set, and what that will do."""
