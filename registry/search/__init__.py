"""Search over registered nodes: words, postings, ranking, facets. See docs/search.md."""
