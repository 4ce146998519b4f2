"""Search in English and in Chinese, which has no spaces to split at: by each two neighbouring characters.

Text and query are split alike, so no dictionary is needed.
"""

import re

from sphinx.search.en import SearchEnglish

WORD = re.compile(r"[一-鿿]+|[^\W一-鿿]+")


def words(text):
    """Return the words of a text.

    >>> words("反向传播 by hand")
    ['反向', '向传', '传播', 'by', 'hand']
    """
    found = []
    for word in WORD.findall(text):
        chinese = "一" <= word[0] <= "鿿" and len(word) > 1
        found += [word[i : i + 2] for i in range(len(word) - 1)] if chinese else [word]
    return found


class Search(SearchEnglish):
    """Sphinx's English search, with words as above."""

    js_splitter_code = r"""
var splitQuery = function (query) {
  const words = query.match(/[一-鿿]+|(?:(?![一-鿿])[\p{Letter}\p{Number}_])+/gu) || [];
  return words.flatMap(function (word) {
    if (!/^[一-鿿]{2,}$/.test(word)) return [word];
    return Array.from(word.slice(1), function (after, i) { return word[i] + after; });
  });
};
"""

    def split(self, text):
        """Return the words of a text to be indexed."""
        return words(text)


def setup(app):
    """Put it in the place of Sphinx's English."""
    app.add_search_language(Search)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
