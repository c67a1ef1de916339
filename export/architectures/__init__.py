"""The networks, written for export; each loads its published state dict by the keys it was saved with."""
