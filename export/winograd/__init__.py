"""RRDBNet for Limner's own kernel in ``kernels/rrdb``: quantised in the domain of Winograd's convolution."""
