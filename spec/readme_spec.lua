--- The README's examples: each block marked `run` is run, from the top of the tree.

local host = require "support.host"
local program = require "support.program"

--- The marked blocks: a list of { language, code, line }.
local function blocks(path)
  local found, current, number = {}, nil, 0
  for line in io.lines(path) do
    number = number + 1
    if current and line == "```" then
      current.code = table.concat(current, "\n") .. "\n"
      found[#found + 1], current = current, nil
    elseif current then
      current[#current + 1] = line
    else
      local language = line:match "^```(%w+) run$"
      if language then current = { language = language, line = number } end
    end
  end
  return found
end

local function write(text)
  local path = os.tmpname()
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
  return path
end

--- Runs a block with build/kavach standing for the build under test.
local function run(block)
  local file = write((block.code:gsub("build/kavach", program.kavach)))
  -- A place of its own for sandboxes: their names are nobody else's there.
  local place, remove = host.folder()
  local interpreter = block.language == "sh" and "sh -eu" or ("'%s'"):format(program.kavach)
  local code, out, errors = program.shell(("chmod 700 '%s' && XDG_RUNTIME_DIR='%s' %s %s"):format(
    place, place, interpreter, file))
  os.remove(file)
  remove()
  return code, out, errors
end

describe("the README", function()
  local all = blocks "README.md"

  it("has examples in sh and Lua", function()
    local languages = {}
    for _, block in ipairs(all) do languages[block.language] = true end
    assert.same({ sh = true, lua = true }, languages)
  end)

  -- #stock: some start stock Lua, which cannot load a module that was built with sanitizers.
  for _, block in ipairs(all) do
    local boots = block.code:find "kavach run" or block.code:find "kavach%.sandbox"
      or block.code:find "kavach%.pool" or block.code:find "template build"
    local tags = boots and "#vm #stock" or "#stock"
    it(("has an example in line %d that works %s"):format(block.line, tags), function()
      local code, out, errors = run(block)
      assert.equal("", errors)
      assert.equal(0, code)
      assert.not_equal("", out)
    end)
  end

  it("starts with the two commands that a fresh clone needs", function()
    for _, script in ipairs { "scripts/quickstart", "scripts/test" } do
      local f = assert(io.open(script))
      assert.matches("^#!/bin/sh\n", f:read "a")
      f:close()
    end
  end)

  it("names every option of kavach run, and none that does not exist", function()
    local f = assert(io.open "README.md")
    local text = f:read "a":match "\n## `kavach run`\n(.-)\n## "
    f:close()
    local _, help = program.run("run", "--help")
    for option in help:gmatch "%-%-[%a-]+" do
      if option ~= "--help" and option ~= "--log-format" then
        assert.matches(option, text, 1, true)
      end
    end
    for option in text:gmatch "`(%-%-%a[%a-]*)" do assert.matches(option, help, 1, true) end
  end)
end)
