"""Which texts are Chinese, and their words."""

from sensorium.metrics.chinese import apart, has_chinese, mostly_chinese, plain_words


def test_a_text_with_one_character_has_chinese():
    assert has_chinese("MP3 播")
    assert not has_chinese("MP3, ひらがな — “！”")


def test_a_few_names_do_not_make_a_text_chinese():
    assert mostly_chinese(["你好 ok", "世界"])
    assert not mostly_chinese(["The word 你 means you", "nothing else"])
    assert not mostly_chinese([])


def test_words():
    assert apart("我有MP3").split() == ["我", "有", "MP3"]
    assert plain_words("Ｈello, wörld_2: 我有MP3！") == ["hello", "wörld", "2", "我", "有", "mp3"]
