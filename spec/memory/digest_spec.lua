local core = require "kavach.core"
local host = require "support.host"
local memory = require "support.memory"

local PAGE <const>, page, await = memory.PAGE, memory.page, memory.await

-- What the digest of these pages is by its definition.
local function expected(size, pages)
  local numbers, parts = {}, {}
  for number in pairs(pages) do numbers[#numbers + 1] = number end
  table.sort(numbers)
  for _, number in ipairs(numbers) do
    parts[#parts + 1] = string.pack("<I8", number) .. pages[number]
      .. ("\0"):rep(PAGE - #pages[number])
  end
  return core.hash(table.concat(parts) .. string.pack("<I8", size))
end

-- The digest of a memory file with these pages.
local function digest(size, pages)
  local file <close> = memory.file(size, pages)
  return assert(await(assert(core.sparse_digest(file))))
end

describe("a sparse digest", function()
  local folder, remove = host.folder()
  teardown(function() remove() end)

  it("is of the pages that are not zero, their numbers, and the size", function()
    for _, case in ipairs {
      { 0, {} }, { 1, {} }, { 1 << 40, {} }, { 1, { [0] = "x" } },
      { 100 * PAGE, { [0] = page "a", [1] = page "b", [50] = page "c", [99] = page "d" } },
      { 3 * PAGE - 1, { [2] = page "x":sub(2) } },
      { 1 << 40, { [0] = page "a", [(1 << 28) - 1] = page "b" } },
    } do assert.equal(expected(case[1], case[2]), digest(case[1], case[2])) end
    local many = {}
    for number = 3, 3000 do many[number] = page(("<%d>"):format(number)) end
    assert.equal(expected(4000 * PAGE, many), digest(4000 * PAGE, many))
  end)

  it("does not depend on where the holes are", function()
    local size, pages = 600 * PAGE + 5, { [7] = page "a", [300] = page "b", [600] = "tail" }
    local holey = memory.file(size, pages)
    local content = memory.content(holey)
    local full = assert(io.open(folder .. "/full", "w+b"))
    full:write(content)
    full:flush()
    assert.is_true(core.file_facts(full).allocated >= size)
    assert.is_true(core.file_facts(holey).allocated < 10 * PAGE)
    assert.equal(await(core.sparse_digest(holey)), await(core.sparse_digest(full)))
    full:close()
    holey:close()
  end)

  it("is the same of a copy", function()
    local source <close> = memory.file(3000 * PAGE, {
      [2] = page "x":rep(700), [1000] = ("\0"):rep(500 * PAGE), [2999] = page "end",
    })
    local to <close> = assert(io.open(folder .. "/copy", "w+b"))
    assert(await(core.sparse_copy(source, to)))
    assert.equal(await(core.sparse_digest(source)), await(core.sparse_digest(to)))
  end)

  it("tells one flipped bit, wherever it is", function()
    local size = 300 * PAGE
    local bytes = page "a":rep(300)
    local whole = digest(size, { [0] = bytes })
    for _, at in ipairs { 1, 8, 9, PAGE, PAGE + 1, 150 * PAGE + 77, size } do
      local flipped = string.char(bytes:byte(at) ~ 1)
      assert.not_equal(whole, digest(size, { [0] = bytes:sub(1, at - 1) .. flipped
        .. bytes:sub(at + 1) }), at)
    end
    assert.not_equal(digest(size), digest(size, { [299] = ("\0"):rep(PAGE - 1) .. "\1" }))
  end)

  it("tells a file that is longer or shorter by nothing but zeros", function()
    local pages = { [1] = page "a" }
    local seen = {}
    for _, size in ipairs { 2 * PAGE, 2 * PAGE + 1, 3 * PAGE, 1 << 30 } do
      local value = digest(size, pages)
      assert.is_nil(seen[value])
      seen[value] = true
    end
  end)

  it("tells pages that were moved, swapped or left out", function()
    local seen = {}
    for _, pages in ipairs {
      { [1] = page "a", [2] = page "b" }, { [2] = page "a", [1] = page "b" },
      { [1] = page "a", [3] = page "b" }, { [0] = page "a", [1] = page "b" }, { [1] = page "a" },
      { [2] = page "b" }, { [1] = page "a", [2] = page "a" }, {},
    } do
      local value = digest(10 * PAGE, pages)
      assert.is_nil(seen[value])
      seen[value] = true
    end
  end)

  it("of a file that ends before its size is an error", function()
    local short <close> = assert(io.open "/sys/kernel/fscaps")
    local value, message, kind = await(core.sparse_digest(short))
    assert.is_nil(value)
    assert.equal("the file's size changed while it was read", message)
    assert.equal("io", kind)
  end)

  it("of a file that is cut while it is read is an error, or of what was there", function()
    local path = folder .. "/cut"
    local pages = { [0] = page "a":rep(1024) }
    local known = {}
    for _, size in ipairs { 1024 * PAGE, 0 } do
      known[digest(size, size > 0 and pages or {})] = true
    end
    for _ = 1, 10 do
      local file <close> = memory.fill(assert(io.open(path, "w+b")), pages)
      local job = core.sparse_digest(file)
      local done
      core.work(job:work(), job, function() done = true end)
      assert(io.open(path, "wb")):close() -- cuts it
      while not done do require "kavach".sleep(1) end
      local value, message = job:result()
      assert.is_true(known[value] or message == "the file's size changed while it was read",
        value or message)
    end
  end)

  it("leaves Lua's place in the file alone", function()
    local file <close> = memory.file(10 * PAGE, { [0] = page "a", [5] = page "b" })
    file:seek("set", 5 * PAGE)
    assert(await(core.sparse_digest(file)))
    assert.equal(page "b", file:read(PAGE))
  end)

  it("is of regular files only, and waits for no other end", function()
    os.execute("mkfifo " .. folder .. "/fifo")
    local writer = assert(io.open(folder .. "/fifo", "r+b"))
    local fifo <close> = assert(io.open(folder .. "/fifo", "rb"))
    writer:close()
    local directory <close> = assert(io.open(folder))
    local pipe <close> = io.popen "true"
    for _, file in ipairs { fifo, directory, pipe } do
      local value, message, kind = await(core.sparse_digest(file))
      assert.is_nil(value)
      assert.equal("not a regular file", message)
      assert.equal("invalid_argument", kind)
    end
  end)
end)

describe("a file's digest", function()
  local folder, remove = host.folder()
  teardown(function() remove() end)

  local function file_of(bytes)
    local path = folder .. "/file"
    host.write(path, bytes)
    return assert(core.file_open(path))
  end

  it("is that of its bytes, and comes with how many they are", function()
    -- What xxh128sum prints of nothing.
    assert.equal("99aa06d3014798d86001c324468d497f", core.hash "")
    for _, size in ipairs { 0, 1, 240, 241, PAGE, (1 << 18) - 1, 1 << 18, (3 << 18) + 77 } do
      local bytes = ("0123456789abcdefg"):rep(size // 17 + 1):sub(1, size)
      local file <close> = file_of(bytes)
      for _, how in ipairs { "", "durable" } do
        assert.same({ core.hash(bytes), size }, { await(core.file_digest(file, how)) })
      end
    end
  end)

  it("counts what Lua has written and not flushed, and leaves its place alone", function()
    local file <close> = assert(io.open(folder .. "/written", "w+b"))
    file:write "not flushed"
    assert.same({ core.hash "not flushed", 11 }, { await(core.file_digest(file)) })
    file:write "!"
    file:seek "set"
    assert.equal("not flushed!", file:read "a")
  end)

  it("is of regular files only", function()
    local directory <close> = assert(io.open(folder))
    local value, message, kind = await(core.file_digest(directory))
    assert.same({ nil, "not a regular file", "invalid_argument" }, { value, message, kind })
  end)
end)
