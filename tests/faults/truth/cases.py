"""Random cases, for both the property test and the measurement."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.faults.truth.world import NEVER, Case, Writer

# Long before the send, shortly before it, between the list and the send, and after it.
_TIMES = st.sampled_from([-150_000_000.0, -100_000.0, -300.0, -30.0, -5.0, 0.2, 1.0, 5.0, 30.0, 50.0])
_UNTIL_SEEN = st.sampled_from([0.0, 0.0, 0.0, 1.5, 6.0, 30.0, NEVER])


@st.composite
def writers(draw: st.DrawFn) -> Writer:
    """A consumer that another system adds, listed immediately or later."""
    at = draw(_TIMES)
    return Writer(at, max(at, draw(st.sampled_from([at, at, 1.5, 6.0, 30.0, NEVER]))), draw(st.booleans()))


def cases() -> st.SearchStrategy[Case]:
    """Every combination that a vendor, its network and other systems can produce."""
    return st.builds(
        Case,
        done=st.booleans(),
        lag=_UNTIL_SEEN,
        dated=st.booleans(),
        skew=st.sampled_from([0.0, 0.0, -3600.0, -90.0, 90.0, 3600.0]),
        page_size=st.sampled_from([0, 0, 1, 2, 3]),
        paging=st.sampled_from(["steady", "steady", "steady", "shuffled", "overlapping", "gap"]),
        cache=st.sampled_from(["none", "none", "none", "obeying", "stubborn", "silent"]),
        is_cache_warm=st.booleans(),
        retrieved=st.sampled_from(["own", "own", "own", "oldest"]),
        misread=st.sampled_from(["", "", "", "known_ref", "another_consumer_after"]),
        writers=st.lists(writers(), max_size=5).map(tuple),
    )


@st.composite
def _rare_writers(draw: st.DrawFn) -> Writer:
    at = draw(_TIMES)
    is_twin = draw(st.integers(0, 19)) == 0
    return Writer(at, max(at, draw(st.sampled_from([at, at, at, 1.5, 6.0]))), is_twin)


def ordinary_cases() -> st.SearchStrategy[Case]:
    """Likely cases: complete lists, short lags, other travellers, sometimes a twin."""
    return st.builds(
        Case,
        done=st.booleans(),
        lag=st.sampled_from([0.0, 0.0, 0.0, 0.0, 1.5, 6.0]),
        dated=st.booleans(),
        writers=st.lists(_rare_writers(), max_size=3).map(tuple),
    )
