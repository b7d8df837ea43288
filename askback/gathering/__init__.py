"""What chatml is made of: sources of conversations, the rules for all of them, and their mix."""
