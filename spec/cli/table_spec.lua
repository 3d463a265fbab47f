local program = require "support.program"
local tables = require "kavach.cli.table"

describe("a table for a terminal", function()
  it("has columns as wide as their widest cell, and no blanks at the end of a line", function()
    local code, out = program.shell(([['%s' -e '
      require("kavach.cli.table").print {
        { "NAME", "IT" }, { "a", "longer" }, { "néée", "" }, { "", "x" },
      }']]):format(program.kavach))
    assert.same({ 0, "NAME  IT\na     longer\nnéée\n      x\n" }, { code, out })
  end)

  it("is text, too, of visible characters, in cells, and as wide as the terminal at the most",
    function()
      local rows = { { "日本", "b" }, { "a", "b\27[2J\xff" } }
      assert.equal("日本  b\na     b\\x1b[2J\\xff\n", tables.text(rows))
      assert.equal("日本  b\na     b\\x…\n", tables.text(rows, 10))
    end)

  it("has ages in their largest unit", function()
    local shown = {}
    for i, ms in ipairs { -5000, 0, 999, 1000, 59999, 60000, 3599999, 3600000, 86399999, 86400000,
      40 * 86400000 } do
      shown[i] = tables.age(ms)
    end
    assert.same({ "0s", "0s", "0s", "1s", "59s", "1m", "59m", "1h", "23h", "1d", "40d" }, shown)
  end)

  it("has sizes in binary units", function()
    local shown = {}
    for i, bytes in ipairs { 0, 1023, 1024, 1 << 20, 77500000, 1 << 30, 3 << 29, 1 << 40 } do
      shown[i] = tables.size(bytes)
    end
    assert.same({ "0B", "1023B", "1K", "1M", "74M", "1.0G", "1.5G", "1024.0G" }, shown)
  end)

  it("has texts up to a number of characters", function()
    assert.equal("abcd", tables.cut("abcd", 4))
    assert.equal("abc…", tables.cut("abcde", 4))
    assert.equal("éééé", tables.cut("éééé", 4))
    assert.equal("ééé…", tables.cut("ééééé", 4))
  end)
end)
