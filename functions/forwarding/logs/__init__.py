"""The log of forwarded messages: read, summed up, cleared (document 5 "日志查询API")."""
