"""E-mail: sending, and the token that says which piece a returned mail is about."""
