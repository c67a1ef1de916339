"""What clients do that mean no good, each a function that gives a :class:`tests.hostile.tally.Tally`."""
