"""`python -m bench`: against peers and against the limit; prints tables and keeps the numbers in bench/results/."""

import argparse
import sys
from collections.abc import Callable

from bench.errors import BenchError


def main() -> int:
    options = _parser().parse_args()
    try:
        _run(options)
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _run(options: argparse.Namespace) -> None:
    # What measures imports much; `--help` and a missing tool answer at once.
    if options.what == "setup":
        from bench.peers import install  # noqa: PLC0415

        install()
        return
    for name, measure in PARTS.items():
        if options.what in {name, "all"}:
            measure(options)


def _sync(options: argparse.Namespace) -> None:
    from bench.everything import bench_everything  # noqa: PLC0415
    from bench.sync import bench_sync  # noqa: PLC0415

    if options.everything or options.what == "all":
        bench_everything(options.customers, options.repeats)
    if not options.everything:
        bench_sync(options.invoices, options.repeats)


def _read(options: argparse.Namespace) -> None:
    from bench.read import bench_read  # noqa: PLC0415

    bench_read(options.stored, options.customers, options.repeats, options.seconds, options.connections)


def _polls(options: argparse.Namespace) -> None:
    from bench.polls import bench_polls  # noqa: PLC0415

    bench_polls([10_000, options.stored], 100_000, options.repeats)


def _live(options: argparse.Namespace) -> None:
    from bench.live import bench_live  # noqa: PLC0415

    bench_live(options.repeats, options.seconds, options.connections)


def _doors(options: argparse.Namespace) -> None:
    from bench.doors import bench_doors  # noqa: PLC0415

    bench_doors(options.repeats, options.seconds, options.through)


def _events(options: argparse.Namespace) -> None:
    from bench.events import bench_events  # noqa: PLC0415

    bench_events(options.per_second, options.seconds, options.repeats)


def _commands(options: argparse.Namespace) -> None:
    from bench.commands import bench_commands  # noqa: PLC0415

    bench_commands(options.repeats, options.seconds)


def _logins(options: argparse.Namespace) -> None:
    from bench.logins import bench_logins  # noqa: PLC0415

    bench_logins(options.repeats, options.seconds)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "sync": _sync,
    "read": _read,
    "polls": _polls,
    "live": _live,
    "doors": _doors,
    "events": _events,
    "commands": _commands,
    "logins": _logins,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        default="all",
        choices=("setup", *PARTS, "all"),
        help="default: all but setup",
    )
    parser.add_argument("--repeats", type=_positive, default=3, help="samples of each contestant (default 3)")
    parser.add_argument(
        "--invoices",
        type=_positive,
        nargs="+",
        default=[100_000, 1_000_000],
        help="sync: sizes to load (default 100000 1000000)",
    )
    parser.add_argument(
        "--everything", action="store_true", help="sync: all lists of a sandbox with --customers, not invoices alone"
    )
    parser.add_argument(
        "--stored", type=_positive, default=1_000_000, help="read, polls: invoices stored (default 1000000)"
    )
    parser.add_argument(
        "--customers", type=_positive, default=20_000, help="read, sync --everything: customers (default 20000)"
    )
    parser.add_argument("--seconds", type=_positive, default=10, help="length of a sample (default 10)")
    parser.add_argument("--per-second", type=_positive, default=100, help="events: changes a second (default 100)")
    parser.add_argument("--connections", type=_positive, default=16, help="read: callers at once (default 16)")
    parser.add_argument("--through", help="doors: the proxy in front of the API, such as http://127.0.0.1:8080")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
