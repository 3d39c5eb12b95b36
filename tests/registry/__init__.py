"""The node registry, on real parts."""
