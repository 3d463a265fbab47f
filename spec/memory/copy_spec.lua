local core = require "kavach.core"
local host = require "support.host"
local memory = require "support.memory"

local PAGE <const>, page, await = memory.PAGE, memory.page, memory.await

describe("a sparse copy", function()
  local folder, remove = host.folder()
  teardown(function() remove() end)

  -- An empty file on disk.
  local function target()
    return assert(io.open(folder .. "/target", "w+b"))
  end

  -- Copies a file to one on disk, closes that, and returns the copy's content and facts.
  local function copied(source)
    local to = target()
    local bytes = assert(await(assert(core.sparse_copy(source, to))))
    assert(to:close())
    return host.slurp(folder .. "/target"), core.file_facts(folder .. "/target"), bytes
  end

  it("has the bytes and the holes of what it was made of", function()
    local size = 64 * 1024 * 1024
    local source <close> = memory.file(size, {
      [0] = page "first", [1] = page "second",
      [777] = page "\0\0\0\0\0\0\0\0far", -- begins with zeros
      [778] = ("\0"):rep(PAGE - 1) .. "x", [size // PAGE - 1] = page "last",
    })
    local content, facts, bytes = copied(source)
    assert.is_true(memory.content(source) == content)
    assert.equal(size, facts.size)
    assert.equal(5 * PAGE, bytes)
    assert.is_true(facts.allocated < 16 * PAGE) -- a file system has some of its own
  end)

  it("has holes where there were pages of zeros", function()
    local zeros = ("\0"):rep(100 * PAGE)
    local source <close> = memory.file(400 * PAGE, {
      [0] = zeros, [100] = page "one", [101] = zeros, [201] = page "two" .. page "three",
      [203] = zeros,
    })
    assert.is_true(core.file_facts(source).allocated >= 300 * PAGE)
    local content, facts, bytes = copied(source)
    assert.is_true(memory.content(source) == content)
    assert.equal(3 * PAGE, bytes)
    assert.is_true(facts.allocated < 16 * PAGE)
  end)

  it("is of any size, also when a page is not full", function()
    for _, case in ipairs {
      { 0, {}, 0 }, { 1, {}, 0 }, { 1, { [0] = "x" }, 1 }, { PAGE + 1, { [1] = "x" }, 1 },
      { 2 * PAGE - 1, { [0] = page "x" .. page "y":sub(2) }, 2 * PAGE - 1 },
      { 10 * PAGE + 17, { [3] = page "x" }, PAGE }, { 10 * PAGE, { [9] = page "x" }, PAGE },
      -- more than is read at a time, and a part of it
      { 2500 * PAGE + 100, { [1] = page "x":rep(2300), [2500] = "y" }, 2300 * PAGE + 100 },
    } do
      local source <close> = memory.file(case[1], case[2])
      local content, facts, bytes = copied(source)
      assert.equal(case[1], facts.size)
      assert.is_true(memory.content(source) == content)
      assert.equal(case[3], bytes)
    end
  end)

  it("forgets what was in the file before", function()
    local source <close> = memory.file(4 * PAGE, { [1] = page "new" })
    local to = target()
    to:write(page "old":rep(9), "in Lua's buffer")
    assert.equal(PAGE, await(core.sparse_copy(source, to)))
    to:close()
    assert.is_true(memory.content(source) == host.slurp(folder .. "/target"))
  end)

  it("counts what Lua has written, and leaves Lua's place in the file alone", function()
    local source <close> = assert(core.memory_file(4 * PAGE))
    source:write "in Lua's buffer"
    local to <close> = target()
    assert.equal(PAGE, await(core.sparse_copy(source, to)))
    assert.equal(15, source:seek())
    assert.equal(0, to:seek())
    assert.equal("in Lua's buffer\0", to:read(16))
  end)

  it("needs Lua's files no longer once it is there", function()
    local source, to = memory.file(PAGE, { [0] = page "x" }), target()
    local job = core.sparse_copy(source, to)
    source:close()
    to:close()
    assert.equal(PAGE, await(job))
    assert.equal(page "x", host.slurp(folder .. "/target"))
  end)

  it("that finds no space is an error, and leaves the file empty", function()
    local place = folder .. "/small"
    os.execute("mkdir " .. place)
    if not os.execute("mount -t tmpfs -o size=1m,mode=700 none " .. place .. " 2>/dev/null") then
      return pending "needs the right to mount a tmpfs"
    end
    local source <close> = memory.file(1024 * PAGE, { [8] = page "x":rep(600) })
    local to = assert(io.open(place .. "/target", "w+b"))
    local result = { await(core.sparse_copy(source, to)) }
    to:close()
    local facts = core.file_facts(place .. "/target")
    os.execute("umount " .. place)
    assert.is_nil(result[1])
    assert.matches("^writing at byte %d+: No space left on device$", result[2])
    assert.equal("io", result[3])
    assert.equal(0, facts.size)
    assert.equal(0, facts.allocated)
  end)

  it("of a file that ends before its size is an error, and leaves the file empty", function()
    -- Of this file the system says that it has a page, and gives a few bytes.
    local short <close> = assert(io.open "/sys/kernel/fscaps")
    local to <close> = target()
    local bytes, message, kind = await(core.sparse_copy(short, to))
    assert.is_nil(bytes)
    assert.equal("the file's size changed while it was read", message)
    assert.equal("io", kind)
    assert.equal(0, core.file_facts(to).size)
  end)

  it("is refused where it could not be one", function()
    local source <close> = memory.file(PAGE, { [0] = page "x" })
    host.write(folder .. "/old", "old")
    local appending <close> = assert(io.open(folder .. "/old", "a+b"))
    local reading <close> = assert(io.open(folder .. "/old", "rb"))
    local null <close> = assert(io.open("/dev/null", "w"))
    local directory <close> = assert(io.open(folder))
    for _, case in ipairs {
      { source, source, "to itself" }, { source, appending, "anywhere in it" },
      { source, reading, "anywhere in it" }, { source, null, "not a regular file" },
      { null, source, "not a regular file" }, { directory, source, "not a regular file" },
    } do
      local bytes, message, kind = await(core.sparse_copy(case[1], case[2]))
      assert.is_nil(bytes)
      assert.matches(case[3], message, 1, true)
      assert.equal("invalid_argument", kind)
    end
    assert.equal(page "x", memory.content(source))
    assert.equal("old", host.slurp(folder .. "/old"))
  end)

  it("is misused by an error", function()
    local source <close> = memory.file(PAGE)
    local to <close> = target()
    local job = core.sparse_copy(source, to)
    assert.error_matches(function() job:result() end, "not done yet")
    assert.equal(0, await(job))
    assert.error_matches(function() job:work() end, "begun already")
    local closed = memory.file(PAGE)
    closed:close()
    assert.error_matches(function() core.sparse_copy(closed, to) end, "the file is closed")
    assert.error_matches(function() core.sparse_copy(source) end, "FILE%*")
  end)
end)

describe("a Lua state that closes while a sparse file is at work", function()
  it("waits for it, stops it, and leaves an empty copy", function()
    local path = os.tmpname()
    local exit, out, errors = host.script([[
      local core = require "kavach.core"
      local source = core.memory_file(1 << 40)
      local to = io.open(..., "w+b")
      for number = 0, 30000 do
        source:seek("set", number * 3 * 4096)
        source:write "x"
      end
      local copy, digest = core.sparse_copy(source, to), core.sparse_digest(source)
      core.work(copy:work(), copy, print)
      core.work(digest:work(), digest, print)
      core.sparse_copy(source, to)
      io.write "leaving"
      os.exit(0, true)
    ]], path)
    assert.same({ 0, "leaving", "" }, { exit, out, errors })
    assert.equal(0, core.file_facts(path).size)
    os.remove(path)
  end)
end)
