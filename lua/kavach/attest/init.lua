--- Attestation: evidence, what is trusted, and decisions. The table of contents of this room.

local M = {}

-- Each is loaded when it is first asked for.
local PARTS <const> = {
  parse = function() return require("kavach.attest.evidence").parse end,
  load = function() return require("kavach.attest.evidence").load end,
  verify = function() return require("kavach.attest.verify").verify end,
  verify_all = function() return require("kavach.attest.bulk").all end,
  verify_each = function() return require("kavach.attest.bulk").each end,
  trust = function() return require("kavach.attest.trust").new end,
  emulator = function() return require "kavach.attest.emulator" end,
  fetch = function() return require("kavach.attest.kds").fetch end,
}

return setmetatable(M, {
  __index = function(module, name)
    local part = PARTS[name]
    if not part then return nil end
    local value = part()
    rawset(module, name, value)
    return value
  end,
})
