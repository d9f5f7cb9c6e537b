"""The examples under a command's help."""

from rich.markup import escape


def examples(*lines: tuple[str, str]) -> str:
    """An epilog: what a command is good for, and under it the command, on a line of its own that can be copied."""
    shown = (f"[dim]# {escape(purpose)}[/dim]\n{escape(command)}" for command, purpose in lines)
    # The mark keeps the lines as they are.
    return "\b\n[bold]Examples[/bold]\n" + "\n".join(shown)
