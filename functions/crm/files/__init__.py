"""Files that callers put into S3 by themselves."""
