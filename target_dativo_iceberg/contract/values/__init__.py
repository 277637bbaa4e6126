"""Values of records → typed Arrow columns, whole columns at once or record by record, with the same outcome."""
