local core = require "kavach.core"
local memory = require "support.memory"

-- The names of this process's descriptors.
local function descriptors()
  local pipe <close> = io.popen("ls -l /proc/" .. core.getpid() .. "/fd")
  return pipe:read "a"
end

describe("a memory file", function()
  it("is a file of Lua's, zero and without pages until it is written", function()
    local file <close> = assert(core.memory_file(3 * memory.PAGE + 1))
    assert.equal("file", io.type(file))
    local facts = core.file_facts(file)
    assert.equal(3 * memory.PAGE + 1, facts.size)
    assert.equal(0, facts.allocated)
    assert.equal("a regular file", facts.kind)
    assert.equal(("\0"):rep(facts.size), memory.content(file))
    memory.fill(file, { [2] = "text" })
    assert.equal("text", memory.content(file):sub(2 * memory.PAGE + 1, 2 * memory.PAGE + 4))
    assert.equal(facts.size, core.file_facts(file).size)
  end)

  it("has no name, and goes with its last holder", function()
    local before = descriptors()
    assert.not_matches("kavach-guest", before, 1, true)
    do
      local file <close> = assert(core.memory_file(10))
      assert.equal("file", io.type(file))
      assert.matches("memfd:kavach-guest (deleted)", descriptors(), 1, true)
    end
    assert.not_matches("kavach-guest", descriptors(), 1, true)
    local file = assert(core.memory_file(10))
    assert.is_true(file:close())
    assert.equal("closed file", io.type(file))
    assert(core.memory_file(10))
    collectgarbage()
    assert.not_matches("kavach-guest", descriptors(), 1, true)
  end)

  it("is not inherited by programs", function()
    local file <close> = assert(core.memory_file(10))
    local pipe <close> = io.popen "ls -l /proc/self/fd"
    assert.not_matches("kavach-guest", pipe:read "a", 1, true)
    assert.equal(0, core.file_facts(file).allocated)
  end)

  it("has a size", function()
    assert.error_matches(function() core.memory_file(-1) end, "a size in bytes")
    assert.error_matches(function() core.memory_file() end, "number expected")
    local file <close> = assert(core.memory_file(0))
    assert.equal("", memory.content(file))
  end)
end)

describe("a hash", function()
  it("is XXH3 with 128 bits", function()
    -- As xxh128sum prints them.
    for bytes, digits in pairs {
      [""] = "99aa06d3014798d86001c324468d497f",
      a = "a96faf705af16834e6c632b61e964e1f",
      abc = "06b05ab6733a618578af5f94892f3950",
      [("kavach"):rep(1000)] = "6597272d1043691687bebcc86b9f103e",
    } do assert.equal(digits, core.hash(bytes)) end
  end)
end)
