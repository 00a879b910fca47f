"""Conversations and their messages (document 2 "对话查询")."""
