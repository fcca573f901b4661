"""The bill: integers, rounded up once."""

from hypothesis import given
from hypothesis import strategies as st

from worker_agent.runs.billing import MIB_US_PER_GB_S, Prices, charge

LAMBDA = Prices(gb_s_pico_usd=16_666_700, request_pico_usd=200_000, step_us=1000)


def test_a_gibibyte_for_a_second_costs_the_price_of_one() -> None:
    bill = charge(1_000_000, 1024, LAMBDA)

    assert (bill.billed_us, bill.duration_pico_usd, bill.request_pico_usd) == (1_000_000, 16_666_700, 200_000)


def test_a_run_is_rounded_up_to_the_step_and_not_past_it() -> None:
    assert [charge(us, 128, LAMBDA).billed_us for us in (0, 1, 1000, 1001)] == [0, 1000, 1000, 2000]


@given(
    run_us=st.integers(0, 43_200_000_000),
    memory_mb=st.integers(64, 10_240),
    price=st.integers(1, 10**9),
    step_us=st.sampled_from([1, 1000, 100_000]),
)
def test_never_less_than_exact_and_never_a_step_and_a_picodollar_more(
    run_us: int, memory_mb: int, price: int, step_us: int
) -> None:
    bill = charge(run_us, memory_mb, Prices(price, 0, step_us))

    exact = run_us * memory_mb * price
    assert bill.duration_pico_usd * MIB_US_PER_GB_S >= exact
    assert bill.duration_pico_usd * MIB_US_PER_GB_S < exact + step_us * memory_mb * price + MIB_US_PER_GB_S
    assert 0 <= bill.billed_us - run_us < step_us


def test_a_start_is_billed_only_where_the_operator_says_so() -> None:
    both = Prices(gb_s_pico_usd=16_666_700, request_pico_usd=0, step_us=1000, bills_starts=True)

    assert charge(5_000, 128, LAMBDA, start_us=100_000).billed_us == 5_000
    assert charge(5_000, 128, both, start_us=100_000).billed_us == 105_000
