local front = require "support.front"

describe("what is pasted into the front end of a prompt", function()
  local f

  before_each(function() f = front.open():begin() end)
  after_each(function() f:close() end)

  it("is one text, and waits for Enter", function()
    local lines = {}
    for i = 1, 40 do lines[i] = ("\tprint(%d)"):format(i) end
    local text = table.concat(lines, "\n")
    f:type("do "):paste(text):with "print(40)"
    f:type(" end"):keys "Enter"
    assert.equal("do " .. text .. " end", f:take())
  end)

  it("has no control characters but newlines and tabs", function()
    f:raw "\27[200~a\rb\tc\1\127\27[31md\xc2\x85\xffe\27[20\27[201~"
    f:with "[20"
    f:keys "Enter"
    assert.equal("a\nb\tc[31md\u{fffd}e[20", f:take())
  end)

  it("arrives whole if it is a megabyte", function()
    local list = {}
    for i = 1, 20000 do list[i] = ("local v%d = %d -- %s"):format(i, i, ("é"):rep(15)) end
    local text = table.concat(list, "\n")
    assert.is_true(#text > 1000000)
    f:paste(text):keys("Enter")
    assert.is_true(f:take() == text)
  end)

  it("may be a line of ten megabytes", function()
    local text = ("0123456789"):rep(1 << 20)
    f:paste(text):keys("Home"):type("x"):keys("Enter")
    assert.is_true(f:take() == "x" .. text)
  end)

  it("is one line if an answer is asked for", function()
    f:keys "Enter"
    f:expect "SUBMIT"
    f:ready("Name: ", 1):with "Name:"
    f:paste("a\nb"):with "a b"
    f:keys "Enter"
    assert.equal("a b", f:take())
  end)

  it("has one newline where it had CR LF, and two where it had two lines' ends", function()
    f:raw "\27[200~a\r\nb\n\nc\rd\r\re\27[201~"
    f:with "e"
    f:keys "Enter"
    assert.equal("a\nb\n\nc\nd\n\ne", f:take())
  end)

  it("is not taken if it is too long, and that is told", function()
    f:type("a"):paste(("0123456789abcde\n"):rep((2 << 20) + 1))
    f:shows { "(what was pasted is too long: none of it is taken)", "> a" }
    f:paste("b"):shows { "(what was pasted is too long: none of it is taken)", "> ab" }
    f:keys "Enter"
    assert.equal("ab", f:take())
  end)

  it("may have keys right behind it", function()
    f:raw "\27[200~one\27[201~\rtwo\rthree\r"
    assert.equal("one", f:take())
    assert.equal("two", f:expect "SUBMIT")
    f:send("BUSY"):send("RAW", "\1")
    assert.equal("three\n", f:expect "KEYS")
  end)

  it("is what it is without brackets, too", function()
    f:raw "one\rtwo\r"
    assert.equal("one", f:take())
    assert.equal("two", f:take())
  end)
end)
