"""The routes of the API by topic; each calls one view."""
