"""The page's source, and what builds it."""
