"""The API's way to its database; knows no HTTP."""
