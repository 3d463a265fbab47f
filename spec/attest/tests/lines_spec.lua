local files = require "kavach.attest.script.files"
local host = require "support.host"
local lines = require "kavach.attest.tests.lines"
local script = require "kavach.attest.script"

local POLICY <const> = [[
policy "p"
local function floor(x)
  if x == nil then
    return 0
  end
  return x
end
rule "one" (function(e)
  if e.now > 10 then
    return false
  end
  return floor(e.now) == 5
end)
]]

local function numbers(set)
  local list = {}
  for line in pairs(set) do list[#list + 1] = line end
  table.sort(list)
  return list
end

describe("the lines of a policy", function()
  local folder, remove, described, runner

  setup(function()
    folder, remove = host.folder()
    local path = host.write(folder .. "/p.lua", POLICY)
    local options = script.options({}, 1)
    options.cover = true
    described, runner = script.start(assert(files.read(path, {})), options)
  end)

  teardown(function()
    runner:close()
    remove()
  end)

  it("that can run are those with instructions, without the end of a function that returns",
    function()
      assert.same({ 1, 3, 4, 6, 7, 8, 9, 10, 12, 13 },
        numbers(lines.runnable(described.lines[1].code)))
    end)

  it("that ran are noted, of each evaluation those of all before it, too", function()
    local hits = {}
    lines.add_hits(described.lines[1].hits, hits)
    assert.same({ 1, 7, 8, 13 }, numbers(hits))
    local items = { { now = 5 }, { now = 11 } }
    local results = runner:evaluate(items)
    lines.add_hits(results[1].lines[1].hits, hits)
    assert.same({ 1, 3, 6, 7, 8, 9, 12, 13 }, numbers(hits))
    lines.add_hits(results[2].lines[1].hits, hits)
    assert.same({ 1, 3, 6, 7, 8, 9, 10, 12, 13 }, numbers(hits))
  end)

  it("are noted only for who asks, at no cost in steps", function()
    local path = folder .. "/p.lua"
    local plain, other = script.start(assert(files.read(path, {})), script.options({}, 1))
    assert.is_nil(plain.lines)
    assert.equal(plain.steps, described.steps)
    local items = { { now = 5 } }
    assert.equal(other:evaluate(items)[1].steps, runner:evaluate(items)[1].steps)
    other:close()
  end)

  it("are an error to read from bytecode that is cut", function()
    local code = described.lines[1].code
    assert.error(function() lines.runnable(code:sub(1, #code - 40)) end)
  end)
end)
