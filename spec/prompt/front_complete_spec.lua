local front = require "support.front"

describe("Tab in the front end of a prompt", function()
  local f

  before_each(function() f = front.open():begin() end)
  after_each(function() f:close() end)

  --- Types and asks for choices: the ticket, the cursor and the text that the session is given.
  local function ask(text, ...)
    f:type(text):keys(...)
    local payload = f:expect "COMPLETE"
    local ticket, cursor = ("<I4I4"):unpack(payload)
    return ticket, cursor, payload:sub(9)
  end

  local function choices(ticket, before, ...)
    f:send("CHOICES", ("<I4I4"):pack(ticket, before) .. table.concat({ ... }, "\0") .. "\0")
  end

  it("puts the only choice in the place of what is there", function()
    local ticket, cursor, text = ask("é.pri 日x", "Left", "Left", "Left", "Tab")
    assert.same({ #"é.pri", "é.pri 日x" }, { cursor, text })
    choices(ticket, 3, "print")
    f:shows { "> é.print 日x" }:cursor(9, 0)
  end)

  it("inserts what several have in common, and lists them if that is nothing more", function()
    local ticket = ask("k", "Tab")
    choices(ticket, 1, "kavach.日本", "kavach.日光", "kavach.日々")
    f:shows { "> kavach.日" }
    ticket = ask("", "Tab")
    choices(ticket, #"kavach.日", "kavach.日本", "kavach.日光", "kavach.日々")
    f:shows { "kavach.日本  kavach.日光  kavach.日々", "> kavach.日" }:cursor(11, 1)
  end)

  it("does not cut a character in what several have in common", function()
    local ticket = ask("x", "Tab")
    choices(ticket, 1, "xé", "xè")
    f:shows { "xé  xè", "> x" }
  end)

  it("lists as much as the screen has room for", function()
    local list = {}
    for i = 1, 500 do list[i] = ("choice%03d"):format(i) end
    local ticket = ask("", "Tab")
    choices(ticket, 0, table.unpack(list))
    f:shows { "> choice" }
    ticket = ask("", "Tab")
    choices(ticket, 6, table.unpack(list))
    f:with "more"
    local lines = f:lines()
    assert.matches("^choice001  choice018", lines[1])
    assert.same({ "… and 381 more", "> choice" }, { lines[#lines - 1], lines[#lines] })
    assert.equal(19, #lines)
  end)

  it("has what is typed meanwhile come behind it", function()
    local ticket = ask("a", "Tab")
    f:type "b!"
    choices(ticket + 1, 1, "another's")
    choices(ticket, 1, "and")
    f:shows { "> andb!" }
  end)

  it("is given up if nothing is said, or by Ctrl-C", function()
    local ticket = ask("a", "Tab")
    f:type("!"):with "> a!" -- after a second
    choices(ticket, 2, "never")
    f:type("!"):shows { "> a!!" }
    ask("", "Tab")
    f:type("gone"):keys("C-c"):shows { "> a!!^C", ">" }
    f:type("b"):keys("Enter")
    assert.equal("b", f:take())
  end)

  it("has a line that is typed meanwhile, but no more, read", function()
    local ticket = ask("a", "Tab")
    f:type("!"):keys("Enter"):type("next"):keys("Enter")
    choices(ticket, 1, "and")
    assert.equal("and!", f:take())
    assert.equal("next", f:take())
  end)

  it("does not keep anything from being typed, though the session reads nothing", function()
    f:paste(("x"):rep(3000000)):type("end"):with "end"
    f:keys("Tab", "Tab", "C-c"):type("alive"):with "\n> alive"
  end)

  it("does nothing if there is no choice", function()
    local ticket = ask("a", "Tab")
    f:send("CHOICES", ("<I4I4"):pack(ticket, 1))
    f:type("b"):shows { "> ab" }
  end)

  it("shows no control characters of choices", function()
    local ticket = ask("", "Tab")
    choices(ticket, 0, "a\27[31m", "b\n")
    f:shows { "a?[31m  b?", ">" }
  end)

  it("is text in what is pasted", function()
    f:paste("a\tb"):with "b"
    f:keys "Enter"
    assert.equal("a\tb", f:take())
  end)
end)
