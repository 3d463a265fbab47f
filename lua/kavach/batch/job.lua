--- One job of a batch: its table, checked, and completed with what the batch says for all.
--- A batch may have a million of them, so what is plainly right goes through without the words
--- that a mistake needs.

local check = require "kavach.check"
local rules = require "kavach.batch.rules"

local M = {}

local JOB <const> = rules.JOB
local TITLE_MOST <const> = 60

---What kavach.JobOptions (meta/batch.lua) becomes.
---@class kavach.batch.job
---@field id string
---@field command string|string[] a line for the shell, or an argv
---@field env table<string, string>?
---@field cwd string?
---@field user string?
---@field stdin string?
---@field put { source: string, target: string }[]?
---@field get { pattern: string, target: string? }[]?
---@field sandbox table|false
---@field reuse boolean
---@field timeout_ms integer 0: none
---@field grace_ms integer
---@field max_output integer
---@field retries integer
---@field retry_if function?
---@field retry_delay_ms integer
---@field retry_max_ms integer
---@field priority integer
---@field needs string[]?
---@field tag string

-- ---- what is plainly right ---------------------------------------------------------------------

local quick <const> = {}

local function is_text(value)
  return type(value) == "string" and value ~= "" and #value <= 4095
    and not value:find("\0", 1, true)
end

for name, rule in next, JOB do
  if rule.type == "integer" then
    local min, max = rule.min, rule.max
    quick[name] = function(value)
      return math.type(value) == "integer" and value >= min and value <= max
    end
  elseif rule.type == "boolean" or rule.type == "function" then
    local kind <const> = rule.type
    quick[name] = function(value) return type(value) == kind end
  end
end
quick.id, quick.command, quick.cwd = is_text, is_text, is_text
function quick.stdin(value) return type(value) == "string" end

-- A copy of an argv, or nil: what it must be, its rule says.
local function copy_argv(argv)
  return type(argv) == "table" and rules.argv(argv) or nil
end

-- ---- mistakes ----------------------------------------------------------------------------------

--- How messages call a job.
---@param id any
---@return string
function M.title(id)
  if type(id) ~= "string" then return "job" end
  return #id <= TITLE_MOST and ("job '%s'"):format(id)
    or ("job '%s…'"):format(id:sub(1, TITLE_MOST))
end

local function unknown(spec, key)
  local name = type(key) == "string" and ("'%s'"):format(key) or ("[%s]"):format(tostring(key))
  local known = {}
  for each in next, JOB do known[#known + 1] = each end
  local nearest = check.nearest(key, known)
  return ("%s: unknown field %s%s"):format(M.title(spec.id), name,
    nearest and (" (did you mean '%s'?)"):format(nearest) or "")
end

-- What is only for jobs in a sandbox.
local GUEST <const> = {
  put = "copies files into a guest", get = "copies files out of a guest",
  user = "says who runs it in a guest", reuse = "says that jobs share a guest",
}

local function check_plain(spec, job)
  for _, name in ipairs { "put", "get", "user", "reuse" } do
    if spec[name] and job[name] or name == "user" and job.user then
      return nil, ("%s: %s %s, and sandbox = false has none"):format(M.title(job.id), name,
        GUEST[name])
    end
  end
  job.reuse = false
  return job
end

-- ---- the batch's part --------------------------------------------------------------------------

-- Two tables as one: what stands in `over` wins.
local function laid(over, under)
  if not under then return over end -- also of a batch without sandboxes
  local both = {}
  for key, value in next, under do both[key] = value end
  for key, value in next, over do both[key] = value end
  return both
end

-- The sandbox of a job that has said something about it.
local function own_sandbox(job, defaults)
  if job.sandbox then
    local fine, message = require("kavach.batch.box").check(job.sandbox, M.title(job.id))
    if not fine then return nil, message end
    job.sandbox = laid(job.sandbox, defaults.sandbox)
  end
  return true
end

local STANDARD <const> = {}
for name, rule in next, JOB do STANDARD[name] = rule.default end

local FRESH <const> = {} -- the sandbox that nothing is said about

-- A job with the batch's values, in a table that has room for them from the start.
local function new_job(defaults)
  local sandbox = defaults.sandbox
  if sandbox == nil then sandbox = FRESH end
  return {
    id = true, command = true, sandbox = sandbox, reuse = defaults.reuse,
    timeout_ms = defaults.timeout_ms, grace_ms = defaults.grace_ms,
    max_output = defaults.max_output, retries = defaults.retries, retry_if = defaults.retry_if,
    retry_delay_ms = defaults.retry_delay_ms, retry_max_ms = defaults.retry_max_ms,
    priority = defaults.priority, tag = defaults.tag, env = defaults.env, cwd = defaults.cwd,
    user = defaults.user,
  }
end

-- ---- all of it ---------------------------------------------------------------------------------

-- The field that is wrong, always the same one of several.
local function first_mistake(spec)
  local keys = {}
  for key in next, spec do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    if not JOB[key] then return unknown(spec, key) end
    local _, message = check.value(JOB[key], spec[key], ("%s: %s"):format(M.title(spec.id), key))
    if message then return message end
  end
end

-- What it lacks, or the field that may be meant to be that.
local function lacking(spec, message)
  for key in next, spec do
    if not JOB[key] then return first_mistake(spec) end
  end
  return message
end

---Checks a job's table. The result is a new one; the tables of the batch (sandbox, env) are shared
---by the jobs that add nothing to them.
---@param spec table
---@param defaults table? what options.check returned
---@return kavach.batch.job?
---@return string? message
function M.read(spec, defaults)
  if type(spec) ~= "table" then return nil, "a job must be a table, got a " .. type(spec) end
  defaults = defaults or STANDARD
  if spec.id == nil then return nil, lacking(spec, "job: id is required") end
  if spec.command == nil then
    return nil, lacking(spec, M.title(spec.id) .. ": command is required")
  end
  local job = new_job(defaults)
  for key, value in next, spec do
    local fast = quick[key]
    local argv = key == "command" and copy_argv(value)
    if argv then
      value = argv
    elseif not (fast and fast(value)) then
      local rule, message = JOB[key], nil
      if rule then value, message = check.value(rule, value, key) end
      if message or not rule then return nil, first_mistake(spec) end
    end
    job[key] = value
  end
  if spec.put or spec.get or spec.needs then -- false: an empty list
    job.put, job.get, job.needs = job.put or nil, job.get or nil, job.needs or nil
  end
  if spec.env and defaults.env then job.env = laid(job.env, defaults.env) end
  if spec.sandbox then
    local fine, message = own_sandbox(job, defaults)
    if not fine then return nil, message end
  end
  if job.sandbox == false then return check_plain(spec, job) end
  return job
end

return M
