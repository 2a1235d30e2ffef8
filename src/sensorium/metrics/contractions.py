"""English contractions whose apostrophe people forget, as VQA accuracy puts it back.

Where a word has one apostrophe, the form without it is mended; where it has more, each form that
lacks one of them. The table is the official program's, told by the words it ends in; forms that no
answer in lower case can take are left out. Its one oddity is kept, so that figures agree.
"""

_ONE = """
ain't aren't can't couldn't didn't doesn't don't hadn't hasn't haven't isn't mightn't mustn't
needn't oughtn't shan't shouldn't wasn't weren't won't wouldn't
could've might've must've not've should've they've we've what've where've who've would've you've
he'd how'd it'd someone'd something'd there'd they'd where'd who'd you'd
how'll it'll somebody'll someone'll something'll they'll what'll who'll why'll you'll
there're they're what're why're you're
he's how's somebody's someone's that's there's what's when's where's who's why's
ma'am o'clock 'twas y'all
"""

_MORE = """
couldn't've hadn't've mightn't've shouldn't've wouldn't've
he'd've it'd've she'd've somebody'd've someone'd've something'd've there'd've they'd've we'd've
who'd've you'd've
'ow's'at y'all'll y'all'd've
"""


def _forgetting_one(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i, letter in enumerate(word) if letter == "'"]


CONTRACTIONS = {
    wrong: right for right in (_ONE + _MORE).split() for wrong in _forgetting_one(right)
}
"""The mended word by the word as people type it."""

CONTRACTIONS["somebody'd"] = "somebodyd"
