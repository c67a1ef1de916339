"""ZIP and RAR archives of photos: unpacked in a process of their own, one photo at a time, nothing on disk."""
