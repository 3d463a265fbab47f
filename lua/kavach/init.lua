--- kavach: run commands in virtual machines, and prove what ran there.

local core = require "kavach.core"
local task = require "kavach.task"

---@class kavach
local M = {
  version = core.version,

  -- tasks
  run = task.run, spawn = task.spawn, sleep = task.sleep, deadline = task.deadline,
  scope = task.scope, all = task.all, race = task.race, map = task.map, now = task.now,
  shield = task.shield,
}

-- The rest is loaded when it is first asked for: a script pays for what it uses.
local PARTS <const> = {
  process = function() return require "kavach.process" end,
  sandbox = function() return require("kavach.sandbox").new end,
  template = function() return require "kavach.sandbox.templates" end,
  pool = function() return require("kavach.sandbox.pool").new end,
  batch = function() return require("kavach.batch").new end,
  control = function() return require "kavach.sandbox.control" end,
  measured_initrd = function() return require("kavach.sandbox.measured").initrd end,
  guest_policy = function() return require "kavach.guest_policy" end,
  report = function() return require "kavach.report" end,
  measure = function() return require "kavach.measure" end,
  attest = function() return require "kavach.attest" end,
  policy = function() return require "kavach.attest.policy" end,
  SEV_SNP_POLICY = function() return require("kavach.snp").SEV_SNP_POLICY end,
  CBIT_POS = function() return require("kavach.snp").CBIT_POS end,
  attach = function() return require("kavach.attach").attach end,
  doctor = function() return require("kavach.doctor").doctor end,
}

setmetatable(M, {
  __index = function(module, name)
    local part = PARTS[name]
    if not part then return nil end
    local value = part()
    rawset(module, name, value)
    return value
  end,
})

return M
