--- The annotations of the module table and of options name what there is.

local config = require "kavach.sandbox.config"
local fields_of = require("support.annotations").fields_of
local kavach = require "kavach"

local function set_of(t)
  local set = {}
  for name in pairs(t) do set[name] = true end
  return set
end

describe("the annotations of kavach", function()
  it("name every member of the module, and none that it has not", function()
    local names = fields_of "kavach"
    for name in pairs(names) do assert.is_not_nil(kavach[name], name) end
    -- What was asked for above is in the table now.
    for name in pairs(kavach) do assert.is_not_nil(names[name], name) end
  end)

  it("name every option of a sandbox, and none that there is not", function()
    local options = {}
    for name, rule in pairs(config.options()) do
      if rule ~= "any" then options[name] = true end -- those are known only to be refused
    end
    assert.same(options, set_of(fields_of "kavach.SandboxOptions"))
  end)

  describe("name every option, with its default, of", function()
    local rules = require "kavach.batch.rules"
    for class, known in pairs {
      ["kavach.BatchOptions"] = require("kavach.batch.options").RULES,
      ["kavach.JobOptions"] = rules.JOB, ["kavach.BatchShared"] = rules.SHARED,
    } do
      it(class, function()
        local fields = fields_of(class, "meta/batch.lua")
        assert.same(set_of(known), set_of(fields))
        for name, rule in pairs(known) do
          if rule.default ~= nil then
            local form = type(rule.default) == "string" and "default %q" or "default %s"
            assert.matches(form:format(rule.default), fields[name], 1, true)
          end
        end
      end)
    end
  end)
end)
