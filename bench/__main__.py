"""`python -m bench`: against peers and against the limit; prints tables and keeps the numbers in bench/results/."""

import argparse
import sys

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
    if options.what == "all" or (options.what == "sync" and options.everything):
        from bench.everything import bench_everything  # noqa: PLC0415

        bench_everything(options.customers, options.repeats)
    if options.what == "all" or (options.what == "sync" and not options.everything):
        from bench.sync import bench_sync  # noqa: PLC0415

        bench_sync(options.invoices, options.repeats)
    if options.what in {"read", "all"}:
        from bench.read import bench_read  # noqa: PLC0415

        bench_read(options.stored, options.customers, options.repeats, options.seconds, options.connections)
    if options.what in {"polls", "all"}:
        from bench.polls import bench_polls  # noqa: PLC0415

        bench_polls([10_000, options.stored], 100_000, options.repeats)
    if options.what in {"live", "all"}:
        from bench.live import bench_live  # noqa: PLC0415

        bench_live(options.repeats, options.seconds, options.connections)
    if options.what in {"doors", "all"}:
        from bench.doors import bench_doors  # noqa: PLC0415

        bench_doors(options.repeats, options.seconds, options.through)
    if options.what in {"events", "all"}:
        from bench.events import bench_events  # noqa: PLC0415

        bench_events(options.per_second, options.seconds, options.repeats)
    if options.what in {"commands", "all"}:
        from bench.commands import bench_commands  # noqa: PLC0415

        bench_commands(options.repeats, options.seconds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        default="all",
        choices=("setup", "sync", "read", "polls", "live", "doors", "events", "commands", "all"),
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
