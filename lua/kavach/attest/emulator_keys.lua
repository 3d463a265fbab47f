--- Keys and certificates of a platform emulator.

local core = require "kavach.core"
local err = require "kavach.err"
local roles = require "kavach.attest.roles"
local snp = require "kavach.snp"
local task = require "kavach.task"

local M = {}

M.LAST_TIME = 253402300799 -- 9999-12-31, the last that X.509 can say

local DAY <const> = 24 * 3600
-- Lifetimes as AMD's: 25 years for authorities, 7 for a VCEK, 1 for a VLEK.
local DAYS <const> = { ark = 9131, ask = 9131, asvk = 9131, vcek = 2557, vlek = 365 }

--- A new private key (PEM) for a role, made on the thread pool: an authority's takes seconds.
---@param role string
---@return string?
---@return kavach.Error?
function M.key(role)
  local job = snp.emulate_key(role)
  task.wait(function(finish) core.work(job:work(), job, finish) end)
  local key, message, kind = job:result()
  if not key then return err.fail(kind, message) end
  return key
end

--- A key for each role, all at once. Those that are `given` are taken as they are.
---@param given table<string, string> PEM by role
---@param progress fun(done: integer, all: integer, role: string)?
---@return table<string, string>?
---@return kavach.Error?
function M.all(given, progress)
  local keys, done, failure = {}, 0, nil
  task.map(roles.ALL, {}, function(role)
    local why
    keys[role] = given[role]
    if not keys[role] then keys[role], why = M.key(role) end
    failure, done = failure or why, done + 1
    if progress then progress(done, #roles.ALL, role) end
    return true
  end)
  if failure then return nil, failure end
  return keys
end

--- The certificate (DER) of a role, for its key; a VCEK's or VLEK's is for one TCB.
---@param emulator kavach.Emulator whose issuer signs
---@param role string
---@param key string PEM
---@param tcb table
---@return string?
---@return kavach.Error?
function M.certificate(emulator, role, key, tcb)
  local issuer = roles.ISSUER[role]
  local der, message, kind = snp.emulate_certificate {
    role = role, product = emulator.product, key = key,
    issuer = issuer and emulator.certificates[issuer],
    issuer_key = issuer and emulator.keys[issuer], not_before = emulator.not_before,
    not_after = math.min(emulator.not_before + DAYS[role] * DAY, M.LAST_TIME),
    tcb = roles.SIGNS_REPORTS[role] and snp.tcb_write(emulator.product, tcb) or nil,
    chip_id = emulator.chip_id, csp_id = emulator.csp_id,
  }
  if not der then return err.fail(kind, ("%s: %s"):format(role:upper(), message)) end
  return der
end

return M
