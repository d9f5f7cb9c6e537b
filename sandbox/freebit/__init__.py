"""The Freebit MVNO API, read side, as reference/freebit.md fixes it."""
