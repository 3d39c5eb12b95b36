"""Labels compare as their keys do, however the keys come."""

import random

import numpy as np
import pytest

from registry.search.order import Order, moved_labels


@pytest.mark.parametrize("coming", ["ascending", "descending", "random"])
def test_labels_keep_the_order_of_keys(coming: str) -> None:
    """Between two neighbours there is room for thousands more, since labels around them make way."""
    order: Order[str] = Order(["a", "z"])
    keys = [f"m{number:05d}" for number in range(3_000)]
    keys = {"ascending": keys, "descending": keys[::-1], "random": random.Random(1).sample(keys, len(keys))}[coming]
    slots: dict[str, int] = {}
    labels = np.empty(len(keys), np.int64)
    for place, key in enumerate(keys):
        label = order.add(key)
        if order.moved is not None:
            labels[:place] = moved_labels(labels[:place], order.moved)
        labels[place], slots[key] = label, place
    assert [keys[place] for place in np.argsort(labels)] == sorted(keys)
    assert all(order.label(key) == labels[place] for key, place in slots.items())
