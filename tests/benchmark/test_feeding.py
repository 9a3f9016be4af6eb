"""Rows that a strategy adds to a batch follow its own, alone and side by side."""

import torch
from torch import Tensor

from benchmark.feeding import side_by_side
from strategies.strategy import Batch


def batch_of(first: int, task: Tensor) -> Batch:
    """Two examples, first and first + 1, of six pixels each."""
    y = torch.arange(first, first + 2)
    masks = torch.ones(3, 9, dtype=torch.bool)
    return Batch(pixels(y), y, task, masks, torch.tensor(0.5), torch.tensor(0), 2)


def pixels(y: Tensor) -> Tensor:
    return y[:, None, None].expand(-1, 2, 3).to(torch.uint8)


def added_to(batch: Batch, *labels: int) -> Batch:
    """The batch, to be followed by examples of task 0 with these labels."""
    y = torch.tensor(labels)
    return batch.extended(pixels(y), y, torch.zeros_like(y))


def test_added_rows_follow_its_own_in_the_order_they_were_added() -> None:
    batch = batch_of(4, torch.tensor([2]))
    extended = added_to(added_to(batch, 7), 8, 1)
    assert torch.equal(extended.x, batch.x), "until they are joined, a batch shows its own rows alone"
    joined = extended.joined()
    assert joined.y.tolist() == [4, 5, 7, 8, 1]
    assert joined.task.tolist() == [2, 2, 0, 0, 0]
    assert torch.equal(joined.x, pixels(joined.y))
    assert joined.fresh == 2
    assert joined.joined() is joined
    assert batch.joined() is batch


def test_side_by_side_each_is_what_it_is_alone() -> None:
    one = added_to(added_to(batch_of(4, torch.tensor([2])), 7), 8)._replace(extras={"kept": torch.tensor([1.0, 2.0])})
    other = added_to(added_to(batch_of(0, torch.tensor([1, 2])), 3), 6)._replace(
        extras={"kept": torch.tensor([3.0, 4])}
    )
    together = side_by_side([one, other])
    for row, alone in enumerate((one.joined(), other.joined())):
        for name in ("x", "y", "task"):
            assert torch.equal(getattr(together, name)[row], getattr(alone, name)), name
        assert torch.equal(together.extras["kept"][row], alone.extras["kept"])
    assert together.fresh == 2
    assert together.added == ()


def test_a_task_that_all_share_is_not_stacked_where_no_rows_are_added() -> None:
    shared = torch.tensor([1])
    together = side_by_side([batch_of(0, shared), batch_of(2, shared)])
    assert together.task.tolist() == [1]
    assert together.y.tolist() == [[0, 1], [2, 3]]
    own = side_by_side([batch_of(0, torch.tensor([0, 1])), batch_of(2, torch.tensor([1, 2]))])
    assert own.task.tolist() == [[0, 1], [1, 2]]
