"""The front door: one command line that composes the packages. Nothing imports it."""
