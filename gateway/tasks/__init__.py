"""Tasks: their queue, the work, what is told of them, and the delivery of results."""
