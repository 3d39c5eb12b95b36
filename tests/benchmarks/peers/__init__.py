"""Others that do the same job: their programs, what to install for them, and how they are run."""
