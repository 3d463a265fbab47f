--- The annotations of the module table and of a sandbox's options name what there is.

local config = require "kavach.sandbox.config"
local kavach = require "kavach"

-- The names of the fields that a class has in the annotations.
local function fields_of(class)
  local names, inside = {}, false
  for line in io.lines "lua/kavach/meta/kavach.lua" do
    local begun = line:match "^%-%-%-@class (%S+)"
    if begun then inside = begun == class end
    local name = inside and line:match "^%-%-%-@field ([%w_]+)"
    if name then names[name] = true end
  end
  return names
end

describe("the annotations of kavach", function()
  it("name every member of the module, and none that it has not", function()
    local names = fields_of "kavach"
    for name in pairs(names) do assert.is_not_nil(kavach[name], name) end
    -- What was asked for above is in the table now.
    for name in pairs(kavach) do assert.is_true(names[name], name) end
  end)

  it("name every option of a sandbox, and none that there is not", function()
    local names, options = fields_of "kavach.SandboxOptions", {}
    for name, rule in pairs(config.options()) do
      if rule ~= "any" then options[name] = true end -- those are known only to be refused
    end
    assert.same(options, names)
  end)
end)
