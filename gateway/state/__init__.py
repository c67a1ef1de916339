"""What is known of tasks: records, sealed results, and the stores that keep both."""
