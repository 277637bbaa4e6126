"""Singer target that enforces data contracts and publishes to Apache Iceberg."""
