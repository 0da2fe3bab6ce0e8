"""The docs site: what MkDocs does not do by itself, and a check of every link of the built site."""
