local console = require "kavach.sandbox.console"

describe("A console", function()
  it("keeps the last lines, whatever pieces they come in", function()
    local text = {}
    for i = 1, 200 do text[i] = "line " .. i end
    local bytes = table.concat(text, "\r\n") .. "\r\n"
    for _, size in ipairs { 1, 7, 64, #bytes } do
      local c = console.new(50)
      for at = 1, #bytes, size do c:feed(bytes:sub(at, at + size - 1)) end
      local lines = c:lines()
      assert.equal(50, #lines)
      assert.equal("line 151", lines[1])
      assert.equal("line 200", lines[50])
    end
  end)

  it("tells what is new since it was looked at, as far as it is kept", function()
    local c = console.new(2)
    local lines, seen = c:since(0)
    assert.same({ {}, 0 }, { lines, seen })
    c:feed "one\ntwo\nthr"
    lines, seen = c:since(seen)
    assert.same({ { "one", "two" }, 2 }, { lines, seen })
    c:feed "ee\nfour\nfive\n\27]0;x\n"
    lines, seen = c:since(seen)
    assert.same({ { "five", "\\x1b]0;x" }, 6 }, { lines, seen })
    assert.same({}, (c:since(seen)))
  end)

  it("shows a line that is not finished", function()
    local c = console.new(2)
    c:feed "one\ntwo\nthr"
    assert.same({ "two", "thr" }, c:lines())
  end)

  it("does not grow with a line without end", function()
    local c = console.new(50)
    for _ = 1, 1000 do c:feed(("x"):rep(4096)) end
    assert.is_true(#c.partial <= 512)
  end)

  it("gives nothing that a terminal would obey", function()
    local c = console.new(50)
    c:feed "\27[31mred\27[0m \27]0;title\7 \194\155 \255\0\b caf\195\169\n"
    c:feed "\27]0;\194\1552J caf\195\169\n"
    local all = table.concat(c:lines(), "\n")
    assert.is_nil(all:find "[%z\1-\9\11-\31\127]")
    assert.is_nil(all:find("\194\155", 1, true))
    assert.matches("red", all, 1, true)
    assert.matches("caf\195\169", all, 1, true)
  end)

  it("remembers that the kernel panicked, when the line is long gone", function()
    local c = console.new(2)
    c:feed "[ 1.0] Kernel panic - not syncing: no init\na\nb\nc\n"
    assert.matches("not syncing: no init", c.panic, 1, true)
  end)
end)
