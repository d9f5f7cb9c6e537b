"""Randomness without state: a number for every (seed, topic, number), always the same."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")
_MASK = (1 << 64) - 1


def mixed(seed: int, topic: int, number: int) -> int:
    """A well-spread 64-bit number: one round of splitmix64 over the three."""
    value = (seed * 0x9E3779B97F4A7C15 + topic * 0xD1B54A32D192ED03 + number * 0x2545F4914F6CDD1D + 1) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def picked(choices: Sequence[Item], bits: int) -> Item:
    return choices[bits % len(choices)]
