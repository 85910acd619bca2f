from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from allears.listen.threads import Threads


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60))
def test_whoever_is_linked_shares_a_thread_when_links_form_trees(links: list[tuple[int, int]]) -> None:
    parents: dict[str, str] = {}
    for child, parent in links:
        if parent < child:  # a reply is younger than what it answers: no rings
            parents.setdefault(str(child), str(parent))
    threads = Threads()
    for child, parent in parents.items():
        threads.learn(child, parent)

    def climb(node: str) -> str:
        return climb(parents[node]) if node in parents else node

    for node in map(str, range(31)):
        assert threads.root(node, parents.get(node)) == climb(node)


def test_a_ring_of_replies_has_one_thread() -> None:
    threads = Threads()
    for child, parent in (("1", "2"), ("2", "3"), ("3", "1")):
        threads.learn(child, parent)
    assert len({threads.root(own, None) for own in ("1", "2", "3")}) == 1


def test_the_customer_of_an_answer_is_the_nearest_one_above() -> None:
    threads = Threads()
    threads.learn("1", None, [("handle", "ada")])
    threads.learn("2", "1")
    threads.learn("3", "2")
    assert threads.customer("2") == [("handle", "ada")]
    assert threads.customer("9") is None
