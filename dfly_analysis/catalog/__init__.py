"""What is known of Dragonfly, as data: formats, events, signatures, facts and texts, loaded into typed records."""
