"""Configuration: the settings in force by layer, what is wrong with them, what they demand, and Helm values to apply."""
