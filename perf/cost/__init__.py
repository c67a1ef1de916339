"""What a photo costs: measured against pixels, faces and users, fitted, and turned into a capacity page."""
