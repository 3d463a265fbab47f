-- A reason whose metatable would run in the host.
-- why: it returned false

policy "attack"

expect { simulated = "allowed" }

rule "attack" (function(e)
  local function forever() while true do end end
  return false, setmetatable({}, { __tostring = forever, __index = forever, __len = forever, __concat = forever })
end)
