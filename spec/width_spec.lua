local width = require "kavach.width"

describe("the width of a text", function()
  it("is a cell for each character, two for wide ones, none for marks", function()
    for text, cells in pairs {
      [""] = 0, abc = 3, ["é"] = 1, ["e\u{301}"] = 1, ["日本語"] = 6, ["가"] = 2, ["😀"] = 2,
      ["█░…✗"] = 4, ["ｆ"] = 2,
    } do
      assert.equal(cells, width.of(text), text)
    end
  end)

  it("does not depend on characters that ask for another look, nor on towers of marks", function()
    assert.equal(1, width.of "☺\u{fe0f}")
    assert.same({ "☺", 1 }, { width.cut("☺\u{fe0f}", 5) })
    assert.equal("a\u{301}\u{301}b", (width.cut("a" .. ("\u{301}"):rep(50) .. "b", 5)))
  end)

  it("can be cut to what there is room for, with a mark", function()
    for _, case in ipairs {
      { "abc", 3, "abc" }, { "abcd", 3, "ab…" }, { "日本語", 6, "日本語" }, { "日本語", 5, "日本…" },
      { "日本語", 4, "日…" }, { "日", 1, "…" }, { "abc", 0, "" }, { "ae\u{301}", 2, "ae\u{301}" },
      { "日本", 3, "日…" },
    } do
      local text, cells = width.cut(case[1], case[2])
      assert.equal(case[3], text)
      assert.equal(width.of(text), cells)
    end
    assert.equal("ab~", (width.cut("abcd", 3, "~")))
  end)

  it("can be made exact", function()
    for _, text in ipairs { "", "a", "日本", "日本語です", "abcdefgh" } do
      assert.equal(5, width.of(width.fit(text, 5)), text)
    end
  end)
end)
