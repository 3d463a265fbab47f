local host = require "support.host"
local ids = require "kavach.batch.inputs.ids"
local inputs = require "kavach.batch.inputs"
local split = require "kavach.batch.inputs.split"

describe("inputs", function()
  local folder, remove
  setup(function() folder, remove = host.folder() end)
  teardown(function() remove() end)

  local function file(bytes, name) return host.write(folder .. "/" .. (name or "in"), bytes) end

  -- The columns of each input, and the error at the end if there is one.
  local function all(from)
    local opened <close>, why = inputs.open(from)
    if not opened then return nil, tostring(why) end
    local list = {}
    while true do
      local input
      input, why = opened:next()
      if not input then return list, why and tostring(why), opened end
      assert.equal(#list + 1, input.seq)
      list[#list + 1] = input.values
    end
  end

  local function of(bytes, options)
    options = options or {}
    options.files = { file(bytes) }
    return all(options)
  end

  it("are words as they are given, none of them empty", function()
    assert.same({ { "a" }, { "b c" } }, (all { words = { "a", "b c" } }))
    local list, why = all { words = { "a", "" } }
    assert.same({ { "a" } }, list)
    assert.equal("word 2: it is empty", why)
  end)

  it("are lines, the empty ones skipped and the last one with or without its end", function()
    assert.same({ { "a" }, { " b " }, { "# c\r" } }, (of "a\n\n b \n\n# c\r"))
    assert.same({ { "a" } }, (of "a\n"))
    assert.same({}, (of ""))
  end)

  it("may be separated by NULs, and then have newlines in them", function()
    assert.same({ { "a\nb" }, { "c" } }, (of("a\nb\0\0c", { null = true })))
    local _, why = of "a\nb\0c\n"
    assert.matches("in:2: it has a NUL in it (--null", why, 1, true)
  end)

  it("come from several files, a line ending where its file does", function()
    local from = { files = { file("a\nb", "one"), file("c\n", "two") } }
    assert.same({ { "a" }, { "b" }, { "c" } }, (all(from)))
  end)

  it("name a file that is not there before there is an input", function()
    local list, why = all { files = { folder .. "/nothing" } }
    assert.is_nil(list)
    assert.matches("nothing: No such file", why, 1, true)
  end)

  it("have at most a mebibyte in a line, however the pieces of the file fall", function()
    local long = ("x"):rep(1 << 20)
    assert.same({ { "a" }, { long }, { "b" } }, (of("a\n" .. long .. "\nb")))
    for _, bytes in ipairs { long .. "x\nb", long .. "x", long:rep(3) } do
      local list, why = of("a\n" .. bytes)
      assert.same({ { "a" } }, list)
      assert.matches("in:2: more than 1048576 bytes in one", why, 1, true)
    end
    local list, why = all { files = { host.endless(folder .. "/endless") } }
    assert.same({}, list)
    assert.matches("endless:1: more than", why, 1, true)
  end)

  it("hold no more than a piece of the file", function()
    local line = ("x"):rep(99) .. "\n"
    local opened <close> = assert(inputs.open { files = { file(line:rep(20000)) } })
    collectgarbage()
    local before, most = collectgarbage "count", 0
    for i = 1, 20000 do
      assert(opened:next())
      if i % 2000 == 0 then
        collectgarbage()
        most = math.max(most, collectgarbage "count")
      end
    end
    assert.is_true(most - before < 300, "KiB: " .. most - before)
  end)

  it("give the same error again, not more inputs", function()
    local opened <close> = assert(inputs.open { files = { file "a\n\0\nb\n" } })
    assert(opened:next())
    local _, why = opened:next()
    assert.same({ nil, why }, { opened:next() })
  end)

  it("are split at a text, or at blanks", function()
    assert.same({ { "a", "b" }, { "", "" }, { "c" } }, (of("a,b\n,\nc\n", { colsep = "," })))
    assert.same({ { "a", " b" } }, (of("a\t b\n", { colsep = "\\t" })))
    assert.same({ { "a", "b" } }, (of("a|.|b\n", { colsep = "|.|" })))
    assert.same({ { "a", "b" }, { "c" } }, (of("  a \t b\n \t\nc\n", { colsep = "\\s+" })))
    assert.same({ "|", "\\", true }, { split.separator "\\|", split.separator "\\\\",
      split.separator "\\s+" })
    assert.matches("'\\d' means nothing", select(2, split.separator "\\d+"), 1, true)
    assert.matches("is empty", select(2, split.separator ""), 1, true)
  end)

  describe("of CSV", function()
    local function csv(bytes, options)
      options = options or {}
      options.csv = true
      return of(bytes, options)
    end

    it("are as RFC 4180 has them", function()
      assert.same({
        { "a", "b c", "" }, { "", "", "" }, { 'say "hi"', "x,y", "1\r\n2\n\n3" },
        { " d ", "", "e" },
      }, (csv '\xef\xbb\xbfa,b c,\r\n\r\n,,\n"say ""hi""","x,y","1\r\n2\n\n3"\n d ,"",e'))
      assert.same({ { "a", "b,c" } }, (csv("a;b,c\n", { colsep = ";" })))
      assert.same({ { "a", "b" } }, (csv("a\tb\n", { colsep = "\\t" })))
    end)

    it("tell the line of what is wrong", function()
      for bytes, message in pairs {
        ['a\nb"c\n"d\n'] = "in:2: a quote in a field that has none around it",
        ['a\n"b"c\n'] = "in:2: something follows the closing quote",
        ['a\nb,"c\nd\ne\n'] = "in:2: a quote is not closed",
        ['a,"\0"\n'] = "in:1: it has a NUL",
      } do
        local _, why = csv(bytes)
        assert.matches(message, why or "nothing", 1, true)
      end
      local _, why = csv('a\n"' .. ("a line\n"):rep(160000))
      assert.matches("in:2: more than 1048576 bytes in one: is a quote not closed?", why, 1, true)
      assert.matches("separated by one byte", select(2, csv("a", { colsep = "ab" })), 1, true)
    end)

    it("may have a header, as each file has", function()
      local list, why, opened = csv("\xef\xbb\xbfname,n\na,1\n", { header = true })
      assert.same({ { { "a", "1" } }, nil, { "name", "n" }, 2 },
        { list, why, opened.columns, opened.count })
      local from = { csv = true, header = true,
        files = { file("n,m\na,1\n", "one"), file("n,m\nb,2\n", "two") } }
      assert.same({ { "a", "1" }, { "b", "2" } }, (all(from)))
      from.files[2] = file("m,n\nb,2\n", "two")
      assert.matches("two:1: its header is not that of the file before",
        select(2, all(from)), 1, true)
      from.files = { from.files[1], from.files[1] }
      assert.same({ { "a", "1" }, { "a", "1" } }, (all(from)))
    end)

    it("have as many columns as the header, which has each name once", function()
      assert.matches("in:3: 3 columns, and the header has 2",
        select(2, csv("a,b\n1,2\n1,2,3\n", { header = true })), 1, true)
      assert.matches("in:1: the header has 'a' twice",
        select(2, csv("a,a\n", { header = true })), 1, true)
      assert.matches("in:1: a column of the header has no name",
        select(2, csv("a,\n", { header = true })), 1, true)
      assert.same({}, (csv("", { header = true })))
    end)
  end)
end)

describe("the id of an input", function()
  it("is its text, and a second one like it is numbered", function()
    local number = ids.numbering()
    local got = {}
    for i, text in ipairs { "a", "b", "a", "a", "a (2)", "b" } do got[i] = number(text) end
    assert.same({ "a", "b", "a (2)", "a (3)", "a (2) (2)", "b (2)" }, got)
  end)

  it("is never one that another has", function()
    local number, seen = ids.numbering(), {}
    for _, text in ipairs { "a (2)", "a", "a", "a (3)", "a", "a (2)", "a (2) (2)", "a" } do
      local id = number(text)
      assert.is_nil(seen[id])
      seen[id] = true
    end
  end)

  it("is of its columns, the same for no two of them", function()
    assert.equal("a b é", ids.text { "a", "b", "é" })
    assert.equal("a b", ids.text({ "a b" }, true))
    local seen = {}
    for _, values in ipairs {
      { "a b", "c" }, { "a", "b c" }, { "a", "b", "c" }, { "a b c" }, { "a b c", "" },
      { "", "a b c" }, { "'a", "b'" }, { "'a b'" },
    } do
      local id = ids.text(values)
      assert.is_nil(seen[id])
      seen[id] = true
    end
  end)

  it("is shortened where a job's may not be so long, and stays its own", function()
    local number = ids.numbering()
    local long = "x" .. ("é"):rep(40000)
    local one, two, again = number(long .. "1"), number(long .. "2"), number(long .. "1")
    assert.is_true(#one < 1100 and one ~= two and utf8.len(one) ~= nil)
    assert.equal(one .. " (2)", again)
    assert.equal(("x"):rep(65000), number(("x"):rep(65000)))
  end)
end)
