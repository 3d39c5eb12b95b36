"""The analysts' notebooks, and what they need: `notebooks.api` reads, `notebooks.drawing` makes charts look alike.

They read what the pipelines have made and define no statistics of their own.
"""
