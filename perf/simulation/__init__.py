"""A discrete-event simulation of gateways and Triton replicas: how many are needed, and what a burst or a loss does."""
