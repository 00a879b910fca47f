"""DynamoDB: keys, items, the two tables, paging and the query language."""
