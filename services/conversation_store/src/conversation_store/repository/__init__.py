"""The SQL, one module per topic. Functions take a transaction and never commit.

Every statement filters by owner (`user_id`); the row-level-security policy of the transaction backs it.
"""
