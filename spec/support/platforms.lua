--- Platform emulators for specs. Authorities' keys are RSA-4096 and take seconds to make: they are
--- made once for a build, and lie beside it.

local core = require "kavach.core"
local emulator = require "kavach.attest.emulator"
local host = require "support.host"
local program = require "support.program"
local snp = require "kavach.snp"

local M = {}

--- When their certificates begin, and a time at which all of them are valid.
M.BEGINNING, M.NOW = 1750000000, 1751000000

local keys

--- Private keys (PEM) of the ARK, ASK and ASVK.
function M.authority_keys()
  if keys then return keys end
  keys = {}
  local dir = program.build .. "/spec/keys"
  assert(core.private_directory(dir))
  for _, role in ipairs { "ark", "ask", "asvk" } do
    local path = ("%s/%s.pem"):format(dir, role)
    keys[role] = host.slurp(path)
    if not keys[role] then
      keys[role] = assert(snp.emulate_key(role):result())
      assert(core.private_file(path, keys[role]))
    end
  end
  return keys
end

--- Makes one in a directory that is not there yet.
---@param dir string
---@param options table? of emulator.init
---@return kavach.Emulator
function M.make(dir, options)
  local all = { dir = dir, keys = M.authority_keys(), not_before = M.BEGINNING }
  for key, value in pairs(options or {}) do all[key] = value end
  return assert(emulator.init(all))
end

return M
