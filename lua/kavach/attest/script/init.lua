--- Attestation policies as Lua scripts.
---
---   policy "production"                       -- the name, first of all
---   version "3"
---   description "web tier, Genoa, no debug"
---   include "base"                            -- base.lua, of the same folder
---
---   expect { vmpl = { max = 0 }, report_data = "nonce" }      -- see kavach.attest.requirements
---
---   rule "the image is one that we released" (function(e)
---     return data.released[e.report.measurement] ~= nil, "not in the release list"
---   end)
---
---   any_of "a host that we know" {
---     rule "in our fleet" (function(e) return data.fleet[e.report.chip_id] == true end),
---     expect { signed_by = "vlek", csp_id = "aws" },
---   }
---
--- A rule passes if it returns true, and nothing else. What it gets is told in
--- kavach.attest.script.view; `data` has the tables that were given. It runs in a policy VM
--- (core/rules), in a process of its own unless `isolate = false`.

local check = require "kavach.check"
local files = require "kavach.attest.script.files"
local rules = require "kavach.rules"

local M = {}

local STEPS <const>, MEMORY_MB <const> = 1000000, 16

local OPTIONS <const> = {
  data = { map = "string", default = {} },
  isolate = { type = "boolean", default = true },
  steps = { type = "integer", min = 1000, max = 100000000, default = STEPS },
  memory_mb = { type = "integer", min = 1, max = 256, default = MEMORY_MB },
}

--- A policy's rules, and what evaluates them.
---@class kavach.Script
---@field statements table[] see core/rules/vm.h
---@field files string[] their names, in the order in which they ran
---@field digest string of the files, in hex
---@field data table<string, string> digests of data, in hex
---@field description string?
---@field folder string where its files are: "", or with a slash at its end
---@field lines { code: string, hits: string }[]? in hex, if lines that run are noted
local Script = { __name = "kavach.Script" }
Script.__index = Script

--- Checks options of policy.load.
---@param options kavach.PolicyOptions?
---@param level integer
---@return table
function M.options(options, level)
  local checked = check.table(OPTIONS, options, "policy.load", level + 1)
  for name in next, checked.data do
    if #name > 64 or not name:find "^[%a_][%w_]*$" then
      error(("policy.load: data: '%s' must be a name: letters, digits and _"):format(name), level)
    end
  end
  return checked
end

-- The bytes that make a VM load the policy.
local function request(given, options)
  local data = require("kavach.json").array()
  for i, name in ipairs(given.data_names) do
    data[i] = { name = name, text = given.data[name] }
  end
  return rules.encode {
    op = "load", files = given.files, data = data, steps = options.steps,
    memory = options.memory_mb << 20, cover = options.cover == true,
  }
end

local function runner_of(options)
  if options.isolate then return require("kavach.attest.script.workers").new() end
  return require("kavach.attest.script.here").new()
end

-- Loads it, with one file more each time that an include asks for one.
local function load_with(runner, given, options)
  while true do
    local reply, why = runner:load(request(given, options), given.data_size)
    if not reply then return nil, why end
    if reply.policy then return reply.policy end
    if not reply.need then return nil, files.named(given, reply.error) end
    local added
    added, why = files.add(given, reply.need, reply.by)
    if not added then return nil, why end
  end
end

--- Loads text that was read, and those that it includes. Nothing is checked of what it states.
---@param given table of kavach.attest.script.files
---@param options table of M.options, and perhaps `cover`: the lines that run are noted
---@return table? described what kv_vm_describe writes (core/rules/vm.h)
---@return table|kavach.Error runner what evaluates it; its user closes it
function M.start(given, options)
  local runner = runner_of(options)
  local described, why = load_with(runner, given, options)
  if described then return described, runner end
  runner:close()
  return nil, why
end

--- The policy of text that was read: as `load`.
---@param given table of kavach.attest.script.files
---@param options table as `start` takes them
---@return kavach.Policy?
---@return kavach.Error?
function M.make(given, options)
  local described, runner = M.start(given, options)
  if not described then return nil, runner end
  local script = setmetatable({
    runner = runner, statements = described.statements, files = described.files,
    digest = files.digest(given, described.files), data = files.data_digests(given),
    description = described.description ~= "" and described.description or nil,
    load_steps = described.steps, lines = described.lines, folder = given.folder,
  }, Script)
  local policy, why = require("kavach.attest.script.policy").make(script, described, given)
  if not policy then runner:close() end
  return policy, why
end

--- Loads a script; `options` were checked.
---@param path string
---@param options table of M.options
---@return kavach.Policy?
---@return kavach.Error?
function M.load(path, options)
  local given, why = files.read(path, options.data)
  if not given then return nil, why end
  return M.make(given, options)
end

--- Evaluates the rules for several pieces of evidence.
---@param views table[] of kavach.attest.script.view
---@return (table|{ failed: string })[] what kv_vm_evaluate writes (core/rules/vm.h), in order
function Script:evaluate(views)
  return self.runner:evaluate(views)
end

--- Ends the processes that it keeps for the next evaluation; they are started again if need be.
function Script:close()
  self.runner:close()
end

return M
