local core = require "kavach.core"
local host = require "support.host"
local kavach = require "kavach"
local lfs = require "lfs"
local output = require "kavach.batch.output"

local KIB <const> = 1024

describe("a captured output", function()
  local parent, folder, remove
  before_each(function()
    parent, remove = host.folder()
    folder = parent .. "/results/1" -- is not there yet
  end)
  after_each(function() remove() end)

  local function new(options)
    options = options or {}
    return output.new {
      folder = options.folder or folder, name = "stdout", max_output = options.max_output,
    }
  end

  local function captured(pieces, options)
    local out = new(options)
    for _, bytes in ipairs(pieces) do out:write(bytes) end
    return out:finish(), out
  end

  local function names()
    local list = {}
    for name in lfs.dir(folder) do
      if not name:find "^%.+$" then list[#list + 1] = name end
    end
    return list
  end

  it("is text while it is small, and leaves no file", function()
    assert.same({
      bytes = 8, kept = 8, text = "a\0b\xff\ncd\n", truncated = false,
      digest = "xxh128:" .. core.hash "a\0b\xff\ncd\n",
    }, (captured { "a\0b\xff\n", "", "cd\n" }))
    assert.equal("", captured({}).text)
    -- What xxh128sum prints of nothing.
    assert.equal("xxh128:99aa06d3014798d86001c324468d497f", captured({}).digest)
    local full = ("x"):rep(64 * KIB)
    assert.equal(full, captured({ full:sub(1, 100), full:sub(101) }).text)
    assert.is_nil(lfs.attributes(folder))
  end)

  it("is a file when it is more than 64 KiB, its owner's alone", function()
    local bytes = ("0123456789"):rep(7000) .. "end"
    local got = captured { bytes:sub(1, 10), bytes:sub(11, 65000), bytes:sub(65001, 65600),
      bytes:sub(65601) }
    assert.same({
      bytes = #bytes, kept = #bytes, path = folder .. "/stdout", truncated = false,
      digest = "xxh128:" .. core.hash(bytes),
    }, got)
    assert.equal(bytes, host.slurp(got.path))
    assert.same({ "stdout" }, names())
    assert.equal(384, core.file_facts(got.path).mode) -- 0600
    assert.equal(448, core.file_facts(folder).mode) -- 0700
  end)

  it("is the same, however it came in pieces", function()
    local bytes = ("0123456789abcdefg\n"):rep(4000)
    for _, size in ipairs { 1, 17, 4096, 64 * KIB, #bytes } do
      local pieces = {}
      for at = 1, #bytes, size do pieces[#pieces + 1] = bytes:sub(at, at + size - 1) end
      assert.equal("xxh128:" .. core.hash(bytes), captured(pieces).digest)
      os.remove(folder .. "/stdout")
    end
  end)

  it("has its file under another name until it is whole", function()
    local out = new()
    out:write(("x"):rep(100 * KIB))
    assert.same({ ".stdout.part" }, names())
    out:finish()
    assert.same({ "stdout" }, names())
  end)

  it("leaves nothing behind when it is discarded", function()
    local out = new()
    out:write(("x"):rep(100 * KIB))
    out:discard()
    out:discard()
    assert.same({}, names())
    new():discard()
  end)

  it("does not write into what is there already under its name", function()
    assert(core.private_directory(folder))
    host.write(parent .. "/victim", "precious")
    assert(lfs.link(parent .. "/victim", folder .. "/.stdout.part", true))
    captured { ("x"):rep(100 * KIB) }
    assert.equal("precious", host.slurp(parent .. "/victim"))
    assert.equal("file", lfs.symlinkattributes(folder .. "/stdout", "mode"))
  end)

  it("is cut at its most, and counts what is dropped", function()
    local got = captured({ "12345", "67890", "more" }, { max_output = 8 })
    assert.same({ 14, 8, "12345678", true },
      { got.bytes, got.kept, got.text, got.truncated })
    assert.equal("xxh128:" .. core.hash "12345678", got.digest)
    got = captured({ ("x"):rep(90 * KIB), ("y"):rep(90 * KIB), "z" }, { max_output = 100 * KIB })
    assert.same({ 180 * KIB + 1, 100 * KIB, true }, { got.bytes, got.kept, got.truncated })
    assert.equal(("x"):rep(90 * KIB) .. ("y"):rep(10 * KIB), host.slurp(got.path))
    got = captured({ "x" }, { max_output = 0 })
    assert.same({ 1, "", true }, { got.bytes, got.text, got.truncated })
    assert.is_false(captured({ "12" }, { max_output = 2 }).truncated)
  end)

  it("of a disk that cannot take it is its beginning, and says so", function()
    host.write(parent .. "/file", "")
    local bytes = ("0123456789"):rep(10000)
    for _, place in ipairs { parent .. "/file/below", "/proc/self" } do
      local got = captured({ bytes, "more" }, { folder = place })
      assert.same({ 100004, 64 * KIB, true }, { got.bytes, got.kept, got.truncated })
      assert.equal(bytes:sub(1, 64 * KIB), got.text)
      assert.equal("xxh128:" .. core.hash(got.text), got.digest)
      assert.is_nil(got.path)
      assert.equal("io", got.trouble.kind)
      assert.matches("^stdout: ", got.trouble.message)
    end
  end)

  it("of a disk that is full says so, whenever it finds out, and takes nothing of it", function()
    -- A limit on the size of files is met as a full disk is: when the file is begun, at some later
    -- write, or by what the library writes at last.
    local program = require "support.program"
    for _, case in ipairs {
      { 60 * KIB, 70 * KIB, 1 }, { 64 * KIB, 70 * KIB, 20 }, { 64 * KIB, 64 * KIB + 10, 1 },
    } do
      local limit, size, pieces = table.unpack(case)
      local script = host.write(parent .. "/script", ([[
        local output = require "kavach.batch.output"
        local out = output.new { folder = %q, name = "stdout" }
        for _ = 1, %d do out:write(("x"):rep(%d)) end
        local got = out:finish()
        print(got.bytes, got.kept, #got.text, got.truncated, got.path, got.trouble)
      ]]):format(folder, pieces, size))
      local code, out, errors = program.shell(("trap '' XFSZ; exec prlimit --fsize=%d %s %s")
        :format(limit, program.kavach, script))
      assert.same({ 0, "" }, { code, errors })
      assert.matches(("^%d\t65536\t65536\ttrue\tnil\tstdout: .*File too large\n$")
        :format(pieces * size), out)
      assert.same({}, names())
    end
  end)

  it("is discarded if its task is cancelled while the disk takes it", function()
    local task = kavach.spawn(function()
      captured { ("x"):rep(100 * KIB) }
    end)
    local canceller = kavach.spawn(function() task:cancel() end)
    canceller:await()
    assert.equal("cancelled", select(2, task:await()).kind)
    assert.same({}, names())
  end)
end)

describe("the last line of an output", function()
  local function last_of(...)
    local out = output.new { folder = "/nonesuch", name = "stdout", max_output = 5 }
    for _, bytes in ipairs { ... } do out:write(bytes) end
    return out:last_line()
  end

  it("is the last that something can be seen in", function()
    assert.equal("", last_of())
    assert.equal("", last_of "\n \n")
    assert.equal("one", last_of "one")
    assert.equal("one", last_of "one\n")
    assert.equal("two", last_of("one\n", "tw", "o"))
    assert.equal("  two", last_of("one\n  two  \n\n \t\n", "\n"))
    assert.equal("a b", last_of("a", " ", "b"))
    assert.equal("b", last_of("a", "\n", "b"))
  end)

  it("is followed past what is kept", function()
    assert.equal("the end", last_of("123456789\n", "the end\n"))
  end)

  it("is not lost behind blanks, however many", function()
    assert.equal("seen", last_of("seen\n", ("\n"):rep(5000)))
    assert.equal("seen", last_of("seen" .. ("\n"):rep(5000)))
    assert.equal("next", last_of("seen" .. (" \n"):rep(5000), "next"))
    local pieces = { "seen" }
    for i = 2, 2000 do pieces[i] = i % 2 == 0 and "\n" or "  " end
    assert.equal("seen", last_of(table.unpack(pieces)))
  end)

  it("ends at a carriage return as well: what shows progress has no others", function()
    assert.equal("20%", last_of "10%\r20%\r")
  end)

  it("is at most 200 bytes, of whole characters", function()
    assert.equal(("x"):rep(200), last_of("y\n" .. ("x"):rep(201)))
    assert.equal(("x"):rep(199), last_of("y\n" .. ("x"):rep(199) .. "é and more"))
    assert.equal(("x"):rep(198) .. "é", last_of("y\n" .. ("x"):rep(198) .. "é and more"))
    local long = last_of(("é"):rep(100000))
    assert.is_true(#long <= 200)
    assert.equal(100, utf8.len(long))
  end)

  it("of what is no text is given as it is", function()
    assert.equal("\0\xff\27[2J", last_of "\0\xff\27[2J\n")
  end)
end)
