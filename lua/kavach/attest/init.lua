--- Attestation: evidence, and what is trusted. The table of contents of this room.

local M = {}

-- Each is loaded when it is first asked for.
local PARTS <const> = {
  parse = function() return require("kavach.attest.evidence").parse end,
  load = function() return require("kavach.attest.evidence").load end,
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
