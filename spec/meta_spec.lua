--- The annotations of the module table and of options name what there is.

local annotations = require "kavach.prompt.annotations"
local config = require "kavach.sandbox.config"
local fields_of = require("support.annotations").fields_of
local kavach = require "kavach"

local function set_of(t)
  local set = {}
  for name in pairs(t) do set[name] = true end
  return set
end

-- Functions that are there for other parts of kavach, and not for scripts.
local OWN <const> = {
  ["kavach.process"] = { exec_checked = true },
  ["kavach.policy"] = { check_name = true, check_version = true, of = true },
  ["kavach.emulator"] = { csp_id_problem = true, chip_id_problem = true },
}

-- The parts of the module, by the names of their classes.
local function parts()
  local found = {}
  for _, owner in ipairs { "kavach", "kavach.attest" } do
    for _, field in ipairs(annotations.classes()[owner].fields) do
      local class = annotations.classes()[field.type]
      local from = owner == "kavach" and kavach or kavach.attest
      if class then found[class.name] = from[field.name] end
    end
  end
  return found
end

-- What a class's methods take, by their names, as its file in lua/kavach has them.
local function methods_of(class)
  local pipe <close> = assert(io.popen "grep -rl '^---@class' lua/kavach --include=*.lua")
  for path in pipe:lines() do
    local file <close> = not path:find "/meta/" and assert(io.open(path)) or nil
    local text = file and file:read "a" or ""
    local _, at = text:find("---@class " .. class:gsub("%.", "%%.") .. "\n")
    local variable = at and text:match("\nlocal ([%w_]+) = {", at)
    if variable then
      local methods = {}
      for name, params in text:gmatch("\nfunction " .. variable .. ":([%w_]+)(%b())") do
        methods[name] = select(2, params:gsub("[%w_.]+", ""))
      end
      local copied = ("\n%s%%.([%%w_]+) = %s%%.([%%w_]+)"):format(variable, variable)
      for name, same in text:gmatch(copied) do
        methods[name] = methods[same]
      end
      return methods
    end
  end
end

-- Whether it is a class that scripts have to do with.
local function is_public(class)
  return class:find "^kavach%.%u" or class == "kavach.command"
end

describe("the annotations of kavach", function()
  it("name every member of the module, and none that it has not", function()
    local members = annotations.classes().kavach.members
    for name in pairs(members) do assert.is_not_nil(kavach[name], name) end
    -- What was asked for above is in the table now.
    for name in pairs(kavach) do assert.is_not_nil(members[name], name) end
  end)

  it("name every function of its parts, with what it takes", function()
    local found = parts()
    found.kavach = kavach
    for class, part in pairs(found) do
      local known = annotations.classes()[class]
      for _, each in ipairs(known.functions) do
        local what = class .. "." .. each.name
        assert.is_function(part[each.name], what)
        local info = debug.getinfo(part[each.name], "uS")
        if info.what ~= "C" then
          assert.equal(#each.params, info.nparams + (info.isvararg and 1 or 0), what)
        end
      end
      for name, value in pairs(part) do
        if type(value) == "function" and not (OWN[class] and OWN[class][name]) then
          assert.is_not_nil(known.members[name], class .. "." .. name)
        end
      end
      assert.equal(known.call ~= nil, type(part) == "table"
        and (getmetatable(part) or {}).__call ~= nil, class)
    end
  end)

  it("name methods that there are, with what they take", function()
    for class, known in pairs(annotations.classes()) do
      if is_public(class) and #known.functions > 0 then
        local methods = assert(methods_of(class), class)
        for _, each in ipairs(known.functions) do
          assert.equal(methods[each.name], #each.params, class .. ":" .. each.name)
        end
      end
    end
  end)

  it("say something of each parameter", function()
    for class, known in pairs(annotations.classes()) do
      for _, each in ipairs(known.functions) do
        local names = {}
        for i, param in ipairs(each.params) do names[i] = param.name end
        assert.equal(each.declared, table.concat(names, ", "), class .. " " .. each.name)
      end
    end
  end)

  it("have examples that are Lua, of every function and method of the module", function()
    local found = parts()
    found.kavach = kavach
    for class, known in pairs(annotations.classes()) do
      if found[class] or is_public(class) then
        for _, each in ipairs(known.functions) do
          assert.is_string(each.example, class .. " " .. each.name)
        end
      end
    end
    for class, known in pairs(annotations.classes()) do
      for _, each in ipairs { known, table.unpack(known.functions) } do
        if each.example then assert(load(each.example, "=" .. class .. " " .. each.name)) end
      end
    end
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
