"""Texts that the tests of written scores share; invented for them."""

import numpy as np
from hypothesis import strategies as st

PICTURES = [
    (
        "a brown dog runs along the beach",
        [
            "A brown dog is running on the beach.",
            "The dog runs along the wet sand.",
            "A dog with a stick runs by the sea.",
            "A wet brown dog at the shore.",
            "Dog running near the water",
        ],
    ),
    (
        "a man rides a horse on the beach",
        [
            "A man on a white horse rides through a field.",
            "A rider in a hat crosses a meadow on horseback.",
            "The man's horse is white.",
            "A man rides his horse over the grass.",
        ],
    ),
    (
        "two children play with a red ball",
        [
            "Two children are playing with a red ball in a park.",
            "Kids kick a ball on the grass.",
            "Two kids play football.",
        ],
    ),
    (
        "a plate of food on a table",
        [
            "A bowl of noodle soup with an egg stands on a wooden table.",
            "Soup with noodles, egg and spring onion.",
            "A bowl of hot soup.",
        ],
    ),
    (
        "a red bus drives down the street",
        [
            "A red double-decker bus drives down a busy street.",
            "A red bus in the city.",
            "The bus doesn't stop at the corner.",
            "A big red bus drives past shops.",
            "Traffic: a bus and two cars on the street.",
        ],
    ),
    (
        "a cat a cat a cat a cat sits",
        ["A grey cat sits on a window sill.", "The cat looks out of the window."],
    ),
    ("", ["An empty street at night.", "Street lamps at night"]),
    ("snow", ["Snow", "Mountains under snow"]),
]
CANDIDATES = [candidate for candidate, _ in PICTURES]
REFERENCES = [references for _, references in PICTURES]

CHINESE = ["一只棕色的狗在沙滩上奔跑。", "他在河边放风筝", "MP3 播放器很便宜，只要 99 元！"]
CHINESE_REFERENCES = [
    ["棕色的小狗在海滩上跑。", "一只狗沿着沙滩奔跑"],
    ["孩子们在河边放风筝。"],
    ["这个MP3播放器只要99元", "播放器便宜。", "很便宜的 MP3"],
]

WORDS = ["a", "dog", "runs", "Runs", "the", "beach", ".", ",", "3.5", "don't", "狗", "沙滩", "跑。"]
texts = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)
corpora = st.lists(
    st.tuples(texts, st.lists(texts, min_size=1, max_size=4)), min_size=1, max_size=6
)


def draws(rows: int, count: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).multinomial(rows, np.ones(rows) / rows, count)
