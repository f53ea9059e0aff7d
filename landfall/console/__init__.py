"""The operators' console: pages rendered by the server, over the read models and acts that the API has too."""
