local err = require "kavach.err"
local show = require "kavach.prompt.show"
local width = require "kavach.width"

local function values(...)
  return show.values(table.pack(...), { columns = 60 })
end

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines
end

describe("what an expression gives is shown:", function()
  it("nothing as nothing, and what fits in one line", function()
    assert.equal("", values())
    assert.equal("nil\n", values(nil))
    assert.equal('1  "a"  nil  true\n', values(1, "a", nil, true))
    local long = ("x"):rep(40)
    assert.equal(('"%s"\n"%s"\n'):format(long, long), values(long, long))
  end)

  it("numbers so that they read back, and large integers in hex, too", function()
    for number, text in pairs {
      [0] = "0", [-7] = "-7", [1 << 31] = "2147483648", [1 << 40] = "1099511627776 (0x10000000000)",
      [math.mininteger] = "-9223372036854775808 (0x8000000000000000)", [0.1] = "0.1",
      [1e300] = "1e+300", [0.1 + 0.2] = "0.30000000000000004", [math.huge] = "inf",
    } do
      assert.equal(text, show.value(number))
    end
    assert.equal("3.0", show.value(3.0))
    assert.equal("-0.0", show.value(-0.0))
    assert.equal("nan", show.value(0 / 0):gsub("-", ""), nil)
    assert.equal("{ 1099511627776 }", show.value { 1 << 40 })
  end)

  it("functions by where they are from, other things by what they are called", function()
    local here = show.value(function() end)
    assert.matches("^function <.*show_spec.lua:%d+>$", here)
    assert.equal("function <string.format>", show.value(string.format))
    assert.equal("function <(3):0>", show.value(load("x = 1", "=(3)")))
    assert.equal("thread <suspended>", show.value(coroutine.create(print)))
    assert.equal("userdata <FILE*>", show.value(io.stdout))
    assert.equal("{ json.null }", show.value { require("kavach.json").null })
  end)

  it("nil and an error of kavach in one line, however long", function()
    assert.equal("nil  error io: no such file [get]\n",
      values(err.fail("io", "no such file", { op = "get" })))
    local _, count = values(err.fail("io", ("long\n"):rep(50))):gsub("\n", "")
    assert.equal(1, count)
    assert.equal('nil  "no such file"\n', values(nil, "no such file"))
  end)
end)

describe("a string", function()
  it("stands in quotes, with escapes that Lua reads back", function()
    for _, text in ipairs {
      "", 'a "b" \\ c', "tab\tand\rmore", "\27[31mred", "bell\7", "\0", "é日本", "a\nb", "\xff\xfe",
      "\u{202e}left",
    } do
      local shown = show.value { text }
      assert.is_nil(shown:find "%c", shown)
      assert.equal(text, assert(load("return " .. shown))()[1])
    end
  end)

  it("of several lines is shown in lines, with nothing in it that moves the terminal", function()
    assert.equal("(3 lines, 30 bytes)\n  one\n  tab     stop\n  \\x1b[2J \\u{202e} \\xff three",
      show.value "one\ntab\tstop\n\27[2J \u{202e} \xff three\n")
    assert.equal("(4 lines, 5 bytes)\n  a\n  \n  \n  b", show.value "a\n\n\nb")
  end)

  it("that is long is cut, and says how long it is", function()
    local shown = show.value(("x"):rep(12345), { columns = 40 })
    assert.equal(400, width.of(shown))
    assert.matches('^"x+…" %(12 345 bytes%)$', shown)
    shown = show.value({ name = ("é"):rep(1000) }, { columns = 40 })
    assert.matches('\n  name = "[\xc3\xa9]+…" %(2 000 bytes%),\n', shown)
    for _, line in ipairs(lines_of(shown)) do assert.is_true(width.of(line) <= 40, line) end
    shown = show.value(("line\n"):rep(5000))
    assert.matches("^%(5000 lines, 25 000 bytes%)\n", shown)
    assert.equal(102, #lines_of(shown))
  end)

  it("that is binary is hex, with its size", function()
    assert.equal("<8 bytes: 00ff00ff00ff00ff>", show.value(("\0\xff"):rep(4)))
    local shown = show.value({ digest = ("\xab"):rep(5000) }, { columns = 60 })
    assert.matches("<5 000 bytes: [ab]+…>", shown)
    assert.matches("^<1 000 000 bytes: [0f]+…>$", show.value(("\0\xff"):rep(500000)))
  end)

  it("is cut between characters", function()
    for length = 20, 60 do
      local shown = show.value({ a = ("日本語é"):rep(400) }, { columns = length })
      assert.is_truthy(utf8.len(shown))
      assert.is_nil(shown:find("\\x", 1, true), shown)
    end
  end)
end)

describe("a table", function()
  it("stands in one line if it fits, its keys in order, its list first and without", function()
    assert.equal("{}", show.value {})
    assert.equal('{ 1, 2, [10] = "x", [20.5] = 0, a = 3, ["b c"] = {}, ["end"] = 1, [true] = 2 }',
      show.value { 1, 2, [10] = "x", [20.5] = 0, a = 3, ["b c"] = {}, ["end"] = 1, [true] = 2 })
    assert.equal("{ 1, nil, 3 }", show.value { 1, nil, 3 })
  end)

  it("is indented if it does not", function()
    assert.equal([[
{
  list = { 1, 2, 3 },
  name = "a name that takes some room",
  nested = {
    first = "another long one",
    second = "and one more",
  },
}]], show.value({
      name = "a name that takes some room", list = { 1, 2, 3 },
      nested = { first = "another long one", second = "and one more" },
    }, { columns = 40 }))
  end)

  it("has many items in each line, and says how many it leaves out", function()
    local list = {}
    for i = 1, 10000 do list[i] = i end
    local lines = lines_of(show.value(list, { columns = 40 }))
    assert.equal("  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,", lines[2])
    assert.equal("  … 9 900 more", lines[#lines - 1])
    for _, line in ipairs(lines) do assert.is_true(width.of(line) <= 40, line) end
    lines = lines_of(show.value({ list = list }, { columns = 40 }))
    assert.equal("    … 9 980 more", lines[#lines - 2])
    list.n = 3 -- behind a list of which not all was looked at
    list[10001] = 10001
    lines = lines_of(show.value({ list }, { columns = 40 }))
    assert.equal("    … 9 982 more", lines[#lines - 2])
  end)

  it("that is in itself is a cycle, with where it is", function()
    local t = { name = "x" }
    t.me = t
    assert.equal('{ me = <cycle>, name = "x" }', show.value(t))
    assert.equal("{ a = { b = { up = <cycle: .a> } } }", (function()
      local a = { b = {} }
      a.b.up = a
      return show.value { a = a }
    end)())
  end)

  it("that is in two places is laid out once, if it is large", function()
    local small, large = { 1 }, {}
    assert.equal("{ { 1 }, { 1 } }", show.value { small, small })
    for i = 1, 30 do large["key" .. i] = i end
    local shown = show.value { first = large, second = { large } }
    assert.matches("second = { <shown above: .first> },", shown, 1, true)
    assert.equal(1, select(2, shown:gsub("key17 = 17", "")))
  end)

  it("is shown to a depth, with the number of entries beneath", function()
    assert.equal("{ { { { {… 2} } } } }", show.value { { { { { 1, x = 2 } } } } })
    assert.equal("{ {… 1} }", show.value({ { { 1 } } }, { depth = 1 }))
    local deep = {}
    local at = deep
    for _ = 1, 200000 do
      at.x = {}
      at = at.x
    end
    assert.equal("{ x = { x = { x = { x = {… 1} } } } }", show.value(deep))
    assert.is_string(show.value(deep, { depth = 1000000 }))
  end)

  it("never takes more lines than there may be", function()
    local wide = {}
    for i = 1, 100 do
      wide["k" .. i] = {}
      for j = 1, 100 do wide["k" .. i]["a key that is long " .. j] = j end
    end
    local lines = lines_of(show.value(wide))
    assert.equal(201, #lines)
    assert.equal("… cut after 200 lines", lines[201])
    assert.equal(401, #lines_of(show.value(wide, { rows = 400 })))
    assert.equal(201, #lines_of(show.values({ n = 3, wide, wide, wide }):sub(1, -2)))
    -- each table ten times in the one above it
    local shared = {}
    for _ = 1, 30 do
      local next_one = {}
      for i = 1, 10 do next_one[i] = shared end
      shared = next_one
    end
    assert.is_true(#lines_of(show.value(shared, { depth = 30 })) <= 201)
  end)

  it("of millions of entries is shown as soon as a small one", function()
    local list, map = table.move({}, 1, 0, 1), {}
    for i = 1, 10000000 do list[i] = i end
    for i = 1, 1000000 do map["key" .. i] = i end
    collectgarbage()
    for _, case in ipairs {
      { list, "at least 9 999 900 more" }, { map, "at least 9 9%d%d more" },
    } do
      local steps = 0
      debug.sethook(function() steps = steps + 1 end, "", 1000)
      local began = os.clock()
      local shown = show.value(case[1])
      local took = os.clock() - began
      debug.sethook()
      assert.matches(case[2], shown)
      assert.is_true(took < 0.05, took)
      assert.is_true(steps < 1000, steps)
    end
  end)

  it("is laid out in colours as it is without", function()
    local value = {
      "text", 1, true, print, { "x" }, a = ("long "):rep(40), e = err.new("io", "gone"),
      nested = { { { { {} } } } }, list = {}, ["\27[2J"] = "\27[2J",
    }
    for i = 1, 500 do value.list[i] = i end
    local coloured = show.value(value, { colour = true })
    assert.matches("\27[", coloured, 1, true)
    assert.equal(show.value(value), (coloured:gsub("\27%[[%d;]*m", "")))
  end)
end)
